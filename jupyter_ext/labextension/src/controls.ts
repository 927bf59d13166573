/** What stands in the toolbar of a quiz's notebook: the button to hand in, and whether the work is safe. */

import { Widget } from '@lumino/widgets';

import { IQuiz } from './api';
import { shortTime } from './times';

/** "Saved to course 14:03"; a screen reader hears it when it changes. */
export class DraftText extends Widget {
  constructor() {
    super();
    this.addClass('cb-DraftText');
    this.node.setAttribute('role', 'status');
  }

  /** Show how safe the work is, or that a submission is on its way. */
  showDraft(quiz: IQuiz, busy: boolean): void {
    const { text, kind, detail } = busy ? SUBMITTING : describeDraft(quiz);
    if (this.node.textContent !== text) {
      this.node.textContent = text;
    }
    this.node.dataset['kind'] = kind;
    this.node.title = detail;
  }
}

/** The button that hands in. A native button: it needs nothing more to work with the keyboard. */
export class SubmitButton extends Widget {
  constructor(run: () => void) {
    super();
    this.addClass('cb-Submit');
    this._button.type = 'button';
    this._button.className = 'cb-Submit-button';
    this._button.title = 'Save this quiz and hand it in to the course';
    this._button.addEventListener('click', run);
    this._button.textContent = 'Submit';
    this.node.append(this._button);
  }

  /** Whether a submission is on its way. The words for it are in DraftText: the button keeps its width. */
  set busy(busy: boolean) {
    this._button.setAttribute('aria-disabled', String(busy));
  }

  private readonly _button = document.createElement('button');
}

interface IWords {
  text: string;
  kind: string;
  detail: string;
}

const SUBMITTING: IWords = { text: 'Submitting…', kind: 'busy', detail: '' };

/** The words for a draft's state; `kind` picks the weight, a sign and the words say the same without it. */
function describeDraft(quiz: IQuiz): IWords {
  const { state, saved_at, message } = quiz.draft;
  const time = shortTime(saved_at);
  switch (state) {
    case 'waiting':
      return { text: 'Saving to course…', kind: 'busy', detail: '' };
    case 'failing':
      return {
        text: '⚠ Saved here, not in the course yet',
        kind: 'warning',
        detail: message
      };
    case 'refused':
      return {
        text: '⚠ Saved here, not in the course',
        kind: 'warning',
        detail: message
      };
    default:
      return {
        text: time ? `✓ Saved to course ${time}` : '',
        kind: 'good',
        detail: 'The course keeps a copy of your saved work.'
      };
  }
}
