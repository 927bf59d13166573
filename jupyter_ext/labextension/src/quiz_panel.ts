/** Follows one notebook: finds out whether it belongs to a quiz, and keeps its toolbar up to date. */

import { DocumentRegistry } from '@jupyterlab/docregistry';
import { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { fetchQuiz, IQuiz } from './api';
import { DraftText, SubmitButton } from './controls';

type Context = DocumentRegistry.IContext<INotebookModel>;

/** When to look again, in milliseconds, by how the draft stands; settled states wait for the next save. */
const LOOK_AGAIN_MS: Record<string, number> = { waiting: 1000, failing: 10000 };
const AFTER_SAVE_MS = 300;

export class QuizPanel implements IDisposable {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _settings: ServerConnection.ISettings,
    private readonly _submit: (quizPanel: QuizPanel) => void
  ) {
    const { context } = _panel;
    context.saveState.connect(this._onSaveState, this);
    context.pathChanged.connect(this._onPathChanged, this);
    void context.ready.then(() => this.refresh());
  }

  /** The quiz of this notebook, or null while it is not known to belong to one. */
  get quiz(): IQuiz | null {
    return this._quiz;
  }

  /** Emitted when `quiz` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether a submission is on its way. */
  get busy(): boolean {
    return this._busy;
  }

  set busy(busy: boolean) {
    this._busy = busy;
    this._render();
  }

  /** Ask the server again. An answer that does not come changes nothing. */
  async refresh(): Promise<void> {
    window.clearTimeout(this._timer);
    let quiz: IQuiz | null;
    try {
      quiz = await fetchQuiz(this._settings, this._panel.context.path);
    } catch (error) {
      console.warn('coursebridge: no status', error);
      return;
    }
    if (this._isDisposed) {
      return;
    }
    this._quiz = quiz;
    this._render();
    this._changed.emit();
    const again = quiz && LOOK_AGAIN_MS[quiz.draft.state];
    if (again) {
      this._refreshIn(again);
    }
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this._removeControls();
    Signal.clearData(this);
  }

  private _onSaveState(_: Context, state: DocumentRegistry.SaveState): void {
    if (state.startsWith('completed')) {
      this._refreshIn(AFTER_SAVE_MS);
    }
  }

  private _onPathChanged(): void {
    void this.refresh();
  }

  private _refreshIn(ms: number): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => void this.refresh(), ms);
  }

  private _render(): void {
    if (!this._quiz) {
      this._removeControls();
      return;
    }
    if (!this._draftText) {
      this._addControls();
    }
    this._draftText?.showDraft(this._quiz, this._busy);
    if (this._button) {
      this._button.busy = this._busy;
    }
  }

  private _addControls(): void {
    this._button = new SubmitButton(() => this._submit(this));
    this._draftText = new DraftText();
    const { toolbar } = this._panel;
    // First in the bar: on a narrow screen JupyterLab hides what stands at its end.
    toolbar.insertItem(0, 'coursebridge-submit', this._button);
    toolbar.insertItem(1, 'coursebridge-draft', this._draftText);
  }

  private _removeControls(): void {
    this._button?.dispose();
    this._draftText?.dispose();
    this._button = null;
    this._draftText = null;
  }

  private _button: SubmitButton | null = null;
  private _draftText: DraftText | null = null;
  private _quiz: IQuiz | null = null;
  private _busy = false;
  private _timer = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
