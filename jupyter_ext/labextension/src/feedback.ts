/** A marked notebook beside the notebook. It is shown in a frame that can run nothing and reach nothing. */

import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { element } from './dom';
import { IAttempt, IFeedback, IListedQuiz } from './panel_api';
import { keyOf } from './quiz_card';
import { number } from './words';

/** The id of the tab: one for each quiz. */
export function feedbackId(quiz: IListedQuiz): string {
  return `coursebridge-feedback:${keyOf(quiz)}`;
}

export class FeedbackView extends Widget {
  constructor(
    quiz: IListedQuiz,
    load: (attempt: number) => Promise<IFeedback>
  ) {
    super();
    this._load = load;
    this._quiz = quiz;
    this.id = feedbackId(quiz);
    this.addClass('cb-Feedback');
    this.title.label = `Feedback: ${quiz.title}`;
    this.title.caption = this.title.label;
    this.title.closable = true;
    this._heading = element('h2', 'cb-Feedback-title', { tabindex: '-1' }, [
      this.title.label
    ]);
    this._facts = element('p', 'cb-Line', { role: 'status' });
    this._attempts = this._select('Attempt', () =>
      this.showAttempt(Number(this._attempts.value))
    );
    this._notebooks = this._select('Notebook', async () =>
      this._showPage(Number(this._notebooks.value))
    );
    const frame = element('iframe', 'cb-Feedback-page', {
      // No word in it: no scripts, no forms, no windows, an origin of its own.
      sandbox: '',
      referrerpolicy: 'no-referrer',
      title: 'The marked notebook'
    });
    this._frame = frame;
    const choices = element('div', 'cb-Feedback-choices', {}, [
      labelled('Attempt', this._attempts),
      labelled('Notebook', this._notebooks)
    ]);
    this.node.append(
      element('div', 'cb-Feedback-head', {}, [
        this._heading,
        this._facts,
        choices
      ]),
      frame
    );
  }

  /** Take over what is known of the quiz now, and show one of its attempts. Throws SubmitError. */
  async showAttempt(attempt: number): Promise<void> {
    const feedback = await this._load(attempt);
    this._pages = feedback.notebooks;
    const readable = (this._quiz.attempts ?? []).filter(one => one.has_feedback);
    fill(
      this._attempts,
      readable.map(one => [String(one.number), `Attempt ${one.number}`])
    );
    this._attempts.value = String(attempt);
    fill(
      this._notebooks,
      this._pages.map((page, index) => [String(index), page.name])
    );
    this._facts.textContent = factsOf(
      readable.find(one => one.number === attempt)
    );
    this._showPage(0);
  }

  /** Show a newer state of the quiz next time. */
  set quiz(quiz: IListedQuiz) {
    this._quiz = quiz;
  }

  protected override onActivateRequest(_: Message): void {
    this._heading.focus();
  }

  private _showPage(index: number): void {
    const page = this._pages[index];
    this._frame.srcdoc =
      page?.html ?? '<!DOCTYPE html><p>There is no marked notebook.</p>';
    this._frame.title = page
      ? `Marked notebook ${page.name}`
      : 'No marked notebook';
  }

  private _select(
    label: string,
    changed: () => Promise<void>
  ): HTMLSelectElement {
    const select = element('select', 'cb-Select', { 'aria-label': label });
    select.addEventListener('change', () => {
      changed().catch((error: unknown) => {
        this._facts.textContent =
          error instanceof Error ? error.message : String(error);
      });
    });
    return select;
  }

  private readonly _load: (attempt: number) => Promise<IFeedback>;
  private readonly _heading: HTMLElement;
  private readonly _facts: HTMLElement;
  private readonly _attempts: HTMLSelectElement;
  private readonly _notebooks: HTMLSelectElement;
  private readonly _frame: HTMLIFrameElement;
  private _quiz: IListedQuiz;
  private _pages: IFeedback['notebooks'] = [];
}

function factsOf(attempt: IAttempt | undefined): string {
  if (!attempt) {
    return '';
  }
  const { score, max_score, state_text } = attempt;
  const points =
    score === null || max_score === null
      ? ''
      : `${number(score)} of ${number(max_score)} points. `;
  return `Attempt ${attempt.number}: ${points}${state_text}`.trim();
}

function labelled(text: string, select: HTMLSelectElement): HTMLElement {
  return element('label', 'cb-Label', {}, [text, select]);
}

/** Offer these; a choice of one is no choice. */
function fill(select: HTMLSelectElement, options: [string, string][]): void {
  select.replaceChildren(
    ...options.map(([value, text]) => element('option', '', { value }, [text]))
  );
  if (select.parentElement) {
    select.parentElement.hidden = options.length < 2;
  }
}
