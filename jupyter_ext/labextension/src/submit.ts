/** Hand in a quiz: ask, save, send, and show the receipt or why not. */

import { INotebookTracker } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import { UUID } from '@lumino/coreutils';
import { ISignal, Signal } from '@lumino/signaling';

import { IReceipt, postSubmission, Submittable, SubmitError } from './api';
import {
  confirmSubmit,
  showFailure,
  showNoAttemptsLeft,
  showReceipt
} from './dialogs';

const NOT_SAVED =
  'A notebook could not be saved, so nothing was sent. Save it and try again.';

/** Where a submission was asked for. */
export interface ISubmitTarget {
  readonly quiz: Submittable | null;
  /** Set while a submission is on its way. */
  busy: boolean;
  /** Ask anew how the quiz stands. */
  refresh(): Promise<void>;
}

export class Submitter {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _notebooks: INotebookTracker
  ) {}

  /** Emitted after a quiz was handed in. */
  get submitted(): ISignal<this, void> {
    return this._submitted;
  }

  /** Walk through one submission; a second click while it runs does nothing. */
  async run(target: ISubmitTarget): Promise<void> {
    if (this._running) {
      return;
    }
    this._running = true;
    try {
      await target.refresh();
      await this._walk(target);
    } finally {
      this._running = false;
    }
    await target.refresh();
  }

  private async _walk(target: ISubmitTarget): Promise<void> {
    const quiz = target.quiz;
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
      target.busy = true;
      try {
        receipt = await this._saveAndSend(quiz, requestId);
      } catch (error) {
        const message = error instanceof SubmitError ? error.message : NOT_SAVED;
        if (!(await showFailure(message))) {
          return;
        }
      } finally {
        target.busy = false;
      }
    }
    this._submitted.emit();
    await showReceipt(quiz, receipt);
  }

  private async _saveAndSend(
    quiz: Submittable,
    requestId: string
  ): Promise<IReceipt> {
    await this.saveAll(quiz);
    return postSubmission(this._settings, quiz, requestId);
  }

  /** Save every open notebook of the quiz that has changes: the files on disk are what counts. */
  async saveAll(quiz: Submittable): Promise<void> {
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
  private readonly _submitted = new Signal<this, void>(this);
}
