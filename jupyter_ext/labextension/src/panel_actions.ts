/** What the buttons of the panel do. */

import { JupyterFrontEnd } from '@jupyterlab/application';

import { Submittable, SubmitError } from './api';
import { confirmStartAgain } from './dialogs';
import { Documents } from './documents';
import { feedbackId, FeedbackView } from './feedback';
import { CoursePanel } from './panel';
import { IListedQuiz, PanelApi } from './panel_api';
import { ICardActions } from './quiz_card';
import { ISubmitTarget, Submitter } from './submit';
import {
  IFindingActions,
  validate,
  validationProblem,
  validationSummary
} from './validation';
import { restoredText } from './words';

export class PanelActions implements ICardActions, IFindingActions {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _api: PanelApi,
    private readonly _panel: CoursePanel,
    private readonly _documents: Documents,
    private readonly _submitter: Submitter
  ) {}

  open(quiz: IListedQuiz): void {
    const { notebook } = this._panel.find(quiz) ?? quiz;
    if (notebook) {
      this._documents.open(notebook);
      return;
    }
    this._run(quiz, 'Fetching…', async () => {
      const { path } = await this._api.fetch(quiz);
      await this._panel.refresh({ fresh: true });
      await this._learnKernels();
      this._documents.open(path);
      return '';
    });
  }

  submit(quiz: IListedQuiz): void {
    if (this._isOff(quiz)) {
      return;
    }
    void this._submitter.run(new PanelTarget(this._panel, quiz)).then(() => {
      this._panel.focusOn(quiz, 'submit');
    });
  }

  validate(quiz: IListedQuiz): void {
    const panel = this._panel;
    panel.note(quiz, '');
    panel.announce(`Validating ${quiz.title}. This takes a moment.`);
    const work = async (): Promise<void> => {
      await this._submitter.saveAll(quiz);
      const found = await validate(this._api, quiz, step =>
        panel.setValidation(quiz, step)
      );
      panel.announce(`${quiz.title}: ${validationSummary(found)}`);
    };
    work().catch((error: unknown) => {
      panel.setValidation(quiz, null);
      panel.note(quiz, validationProblem(error));
    });
  }

  cancel(quiz: IListedQuiz): void {
    void this._api.cancelValidation(quiz).catch(() => undefined);
  }

  hide(quiz: IListedQuiz): void {
    this._panel.setValidation(quiz, null);
    this._panel.focusOn(quiz, 'validate');
  }

  showCell(quiz: IListedQuiz, notebook: string, number: number): void {
    const path = `${quiz.course}/${quiz.assignment}/${notebook}`;
    void this._documents.showCell(path, number);
  }

  readFeedback(asked: IListedQuiz, attempt: number): void {
    const quiz = this._panel.find(asked) ?? asked;
    this._run(quiz, '', async () => {
      const { shell } = this._app;
      let view = Array.from(shell.widgets('main')).find(
        widget => widget.id === feedbackId(quiz)
      ) as FeedbackView | undefined;
      if (view) {
        view.quiz = quiz;
        await view.showAttempt(attempt);
      } else {
        view = new FeedbackView(quiz, number => this._api.feedback(quiz, number));
        await view.showAttempt(attempt);
        const notebook = quiz.notebook
          ? await this._documents.reveal(quiz.notebook)
          : undefined;
        shell.add(view, 'main', {
          mode: notebook ? 'split-right' : 'tab-after',
          ...(notebook ? { ref: notebook.id } : {})
        });
      }
      shell.activateById(view.id);
      return '';
    });
  }

  restore(quiz: IListedQuiz): void {
    this._run(quiz, 'Looking for lost files…', async () => {
      const restored = await this._api.restore(quiz);
      await this._panel.refresh();
      return restoredText(restored);
    });
  }

  startAgain(quiz: IListedQuiz): void {
    this._run(quiz, '', async () => {
      if (!(await confirmStartAgain(quiz))) {
        this._panel.focusOn(quiz, 'start-again');
        return '';
      }
      await this._documents.saveAndClose(quiz);
      const { kept, path } = await this._api.startAgain(quiz);
      this._panel.setValidation(quiz, null);
      await this._panel.refresh();
      await this._learnKernels();
      this._documents.open(path);
      return kept ? `You start again. Your earlier work is in ${kept}.` : '';
    });
  }

  /** The quiz may be new, and so its kernel; without it JupyterLab would ask which one to take. */
  private async _learnKernels(): Promise<void> {
    await this._app.serviceManager.kernelspecs
      .refreshSpecs()
      .catch(() => undefined);
  }

  /** Do something, say how it ended, and say why not. */
  private _run(
    quiz: IListedQuiz,
    meanwhile: string,
    work: () => Promise<string>
  ): void {
    if (this._isOff(quiz)) {
      return;
    }
    this._panel.note(quiz, meanwhile);
    work()
      .then(said => this._panel.note(quiz, said))
      .catch((error: unknown) => {
        const said =
          error instanceof SubmitError
            ? error.message
            : 'A file could not be saved, so nothing was changed. Save it and try again.';
        this._panel.note(quiz, said);
      });
  }

  private _isOff(quiz: IListedQuiz): boolean {
    const { whyOff } = this._panel;
    if (whyOff) {
      this._panel.note(quiz, whyOff);
    }
    return whyOff !== '';
  }
}

/** A submission that was asked for in the panel: the notebook may be closed. */
class PanelTarget implements ISubmitTarget {
  constructor(
    private readonly _panel: CoursePanel,
    private readonly _asked: IListedQuiz
  ) {}

  get quiz(): Submittable | null {
    return this._panel.find(this._asked) ?? null;
  }

  get busy(): boolean {
    return this._busy;
  }

  set busy(busy: boolean) {
    this._busy = busy;
    this._panel.note(this._asked, busy ? 'Submitting…' : '');
  }

  async refresh(): Promise<void> {
    await this._panel.refresh({ fresh: true });
  }

  private _busy = false;
}
