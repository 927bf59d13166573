/** Hand in a quiz: ask, save, send, and show the receipt or why not. */

import { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import { UUID } from '@lumino/coreutils';

import { IQuiz, IReceipt, postSubmission, SubmitError } from './api';
import {
  confirmSubmit,
  showFailure,
  showNoAttemptsLeft,
  showReceipt
} from './dialogs';
import { QuizPanel } from './quiz_panel';

const NOT_SAVED =
  'A notebook could not be saved, so nothing was sent. Save it and try again.';

export class Submitter {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _notebooks: INotebookTracker
  ) {}

  /** Walk through one submission; a second click while it runs does nothing. */
  async run(quizPanel: QuizPanel): Promise<void> {
    if (this._running) {
      return;
    }
    this._running = true;
    try {
      await quizPanel.refresh();
      await this._walk(quizPanel);
    } finally {
      this._running = false;
    }
    await quizPanel.refresh();
  }

  private async _walk(quizPanel: QuizPanel): Promise<void> {
    const quiz = quizPanel.quiz;
    if (!quiz) {
      return;
    }
    if (quiz.attempts_left === 0) {
      await showNoAttemptsLeft(quiz);
      return;
    }
    if (!(await confirmSubmit(quiz))) {
      return;
    }
    // One id for this intent: trying again after a lost answer cannot make a second attempt.
    const requestId = UUID.uuid4();
    let receipt: IReceipt | null = null;
    while (!receipt) {
      quizPanel.busy = true;
      try {
        receipt = await this._saveAndSend(quiz, requestId);
      } catch (error) {
        const message = error instanceof SubmitError ? error.message : NOT_SAVED;
        if (!(await showFailure(message))) {
          return;
        }
      } finally {
        quizPanel.busy = false;
      }
    }
    await showReceipt(quiz, receipt);
  }

  private async _saveAndSend(
    quiz: IQuiz,
    requestId: string
  ): Promise<IReceipt> {
    await this._saveAll(quiz);
    return postSubmission(this._settings, quiz, requestId);
  }

  /** Save every open notebook of the quiz that has changes: the files on disk are what is handed in. */
  private async _saveAll(quiz: IQuiz): Promise<void> {
    const folder = `${quiz.course}/${quiz.assignment}/`;
    const saves: Promise<void>[] = [];
    this._notebooks.forEach(({ context }) => {
      if (context.path.startsWith(folder) && context.model.dirty) {
        saves.push(context.save());
      }
    });
    await Promise.all(saves);
  }

  private _running = false;
}
