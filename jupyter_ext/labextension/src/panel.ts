/** The side panel: the quizzes of all courses. It shows; what its buttons do is in panel_actions.ts. */

import { Message } from '@lumino/messaging';
import { Signal, ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { SubmitError } from './api';
import { button, Child, element, sign } from './dom';
import { ICourse, IList, IListedQuiz, IValidation, PanelApi } from './panel_api';
import { ICardActions, keyOf, quizCard } from './quiz_card';
import { shortTime } from './times';
import { IFindingActions, validationView } from './validation';

export const PANEL_ID = 'coursebridge-quizzes';

/** How often a panel that is looked at asks by itself. */
const LOOK_AGAIN_MS = 60_000;
const AFTER_CHANGE_MS = 500;

const WORKS_ON =
  'You can go on working: open what is here, save and validate. Saves reach the course when it is back.';

export class CoursePanel extends Widget {
  constructor(
    private readonly _api: PanelApi,
    private readonly _now: () => Date = () => new Date()
  ) {
    super();
    this.id = PANEL_ID;
    this.addClass('cb-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Course quizzes');
    this._heading = element('h2', 'cb-Panel-title', { tabindex: '-1' }, [
      'Course quizzes'
    ]);
    const refresh = button({
      key: 'refresh',
      label: 'Refresh',
      about: 'list of quizzes',
      run: () => void this.refresh({ fresh: true, isAsked: true })
    });
    this._status = element('p', 'cb-Line cb-Panel-status', { role: 'status' });
    this._body = element('div', 'cb-Panel-body');
    this.node.append(
      element('div', 'cb-Panel-head', {}, [this._heading, refresh]),
      this._status,
      this._body
    );
    this._body.append(element('p', 'cb-Line', {}, ['Loading the quizzes…']));
  }

  /** Set once, before the panel is shown. */
  actions!: ICardActions & IFindingActions;

  /** Emitted when a new list is shown. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A quiz as the list has it now. */
  find(quiz: { course: string; assignment: string }): IListedQuiz | undefined {
    return this._list?.courses
      .flatMap(course => course.quizzes)
      .find(one => keyOf(one) === keyOf(quiz));
  }

  /** Why nothing can be asked of the course just now; empty when it can. */
  get whyOff(): string {
    return this._list?.problem?.message ?? '';
  }

  /** Ask the server again. `fresh`: it shall ask the course; `isAsked`: say that it was done. */
  async refresh({ fresh = false, isAsked = false } = {}): Promise<void> {
    this._askedAt = Date.now();
    try {
      this._list = await this._api.list(fresh);
      this._problem = '';
    } catch (error) {
      this._problem =
        error instanceof SubmitError ? error.message : String(error);
    }
    if (this.isDisposed) {
      return;
    }
    this._render();
    this._say(this._problem || this._updated(), isAsked);
    this._changed.emit();
  }

  /** Something of a quiz here changed: look again soon, without asking the course. */
  refreshSoon(): void {
    if (this.isVisible) {
      window.clearTimeout(this._soon);
      this._soon = window.setTimeout(() => void this.refresh(), AFTER_CHANGE_MS);
    }
  }

  /** Say something of a quiz: in its card, and to a screen reader. */
  note(quiz: IListedQuiz, text: string): void {
    this._notes.set(keyOf(quiz), text);
    this._render();
    if (text) {
      this._say(`${quiz.title}: ${text}`, true);
    }
  }

  /** Say something to a screen reader, and in the line at the top. */
  announce(text: string): void {
    this._say(text, true);
  }

  /** Show what the validator found of a quiz; null takes it away. */
  setValidation(quiz: IListedQuiz, found: IValidation | null): void {
    if (found) {
      this._validations.set(keyOf(quiz), found);
    } else {
      this._validations.delete(keyOf(quiz));
    }
    this._render();
  }

  /** Bring the focus to a part of a card. */
  focusOn(quiz: IListedQuiz, part: string): void {
    this._focusKey(`${keyOf(quiz)}#${part}`);
  }

  override dispose(): void {
    this._stop();
    window.clearTimeout(this._soon);
    Signal.clearData(this);
    super.dispose();
  }

  /** The next time that the panel is activated, the focus stays where it is: somebody may be typing there. */
  keepFocusElsewhereOnce(): void {
    this._takesFocus = false;
  }

  protected override onActivateRequest(_: Message): void {
    if (this._takesFocus) {
      this._heading.focus();
    }
    this._takesFocus = true;
  }

  protected override onAfterShow(_: Message): void {
    this._start();
  }

  protected override onAfterAttach(_: Message): void {
    if (this.isVisible) {
      this._start();
    }
  }

  protected override onBeforeHide(_: Message): void {
    this._stop();
  }

  protected override onBeforeDetach(_: Message): void {
    this._stop();
  }

  private _start(): void {
    this._stop();
    void this.refresh();
    this._timer = window.setInterval(() => {
      const isDue = Date.now() - this._askedAt >= LOOK_AGAIN_MS;
      if (this.isVisible && !document.hidden && isDue) {
        void this.refresh();
      }
    }, LOOK_AGAIN_MS / 4);
  }

  private _stop(): void {
    window.clearInterval(this._timer);
  }

  private _updated(): string {
    return `Updated ${shortTime(new Date().toISOString())}`;
  }

  /** In the line at the top. It is read out only if somebody waits for it: not each minute. */
  private _say(text: string, isAsked: boolean): void {
    this._status.setAttribute('aria-live', isAsked ? 'polite' : 'off');
    if (this._status.textContent !== text) {
      this._status.textContent = text;
    }
  }

  /** Draw anew what changed; the focus stays where it was. */
  private _render(): void {
    const focused = this._focusedKey();
    const open = new Set(
      Array.from(
        this._body.querySelectorAll<HTMLDetailsElement>('details[open]')
      ).map(one => keyOfDetails(one))
    );
    const drawn = this._draw(open);
    const probe = element('div', '', {}, drawn);
    if (probe.isEqualNode(this._shown)) {
      return; // nothing to read out again, and nothing moves below the pointer
    }
    this._shown = probe.cloneNode(true);
    const { scrollTop } = this.node;
    this._body.replaceChildren(...probe.childNodes);
    this.node.scrollTop = scrollTop;
    if (focused) {
      this._focusKey(focused);
    }
  }

  private _draw(open: Set<string>): Child[] {
    const list = this._list;
    if (!list) {
      return [element('p', 'cb-Line', {}, [this._problem])];
    }
    const parts: Child[] = [];
    const problem = list.problem?.message ?? this._problem;
    if (problem) {
      parts.push(
        element('div', 'cb-Problem', {}, [
          element('p', 'cb-Line cb-mod-strong', {}, [sign('⚠'), problem]),
          list.problem ? element('p', 'cb-Line', {}, [WORKS_ON]) : null
        ])
      );
    }
    const courses = list.courses.filter(course => course.quizzes.length);
    if (courses.length === 0 && !problem) {
      parts.push(element('p', 'cb-Line', {}, [emptyText(list)]));
    }
    return [...parts, ...courses.map(course => this._course(course, open))];
  }

  private _course(course: ICourse, open: Set<string>): HTMLElement {
    const now = this._now();
    const cards = course.quizzes.map(quiz => {
      const key = keyOf(quiz);
      const found = this._validations.get(key);
      const state = {
        whyOff: this.whyOff,
        note: this._notes.get(key) ?? '',
        isMoreOpen: open.has(`${key}#more`),
        validation: found ? validationView(quiz, found, this.actions) : null
      };
      const card = quizCard(quiz, this.actions, state, now);
      for (const one of card.querySelectorAll('details')) {
        one.open = open.has(keyOfDetails(one));
      }
      return card;
    });
    return element('section', 'cb-Course', { 'aria-label': course.title }, [
      element('h3', 'cb-Course-title', {}, [course.title]),
      element('ul', 'cb-Cards', { role: 'list' }, cards)
    ]);
  }

  private _focusedKey(): string {
    const active = document.activeElement;
    return active instanceof HTMLElement && this._body.contains(active)
      ? (active.dataset['key'] ?? '')
      : '';
  }

  /** A button that is gone leaves the focus on the title of its quiz. */
  private _focusKey(key: string): void {
    const find = (wanted: string): HTMLElement | null =>
      this._body.querySelector(`[data-key="${CSS.escape(wanted)}"]`);
    const there = find(key) ?? find(`${key.split('#')[0]}#title`);
    (there ?? this._heading).focus({ preventScroll: there !== null });
  }

  private readonly _heading: HTMLElement;
  private readonly _status: HTMLElement;
  private readonly _body: HTMLElement;
  private readonly _notes = new Map<string, string>();
  private readonly _validations = new Map<string, IValidation>();
  private readonly _changed = new Signal<this, void>(this);
  private _list: IList | null = null;
  private _problem = '';
  private _takesFocus = true;
  private _shown: Node | null = null;
  private _timer = 0;
  private _soon = 0;
  private _askedAt = 0;
}

function keyOfDetails(details: HTMLDetailsElement): string {
  return details.querySelector('summary')?.dataset['key'] ?? '';
}

function emptyText(list: IList): string {
  return list.courses.length
    ? 'Your courses have no quizzes yet. When your teacher publishes one, it is here.'
    : 'You are in no course here yet. Open a quiz from your course once; then its quizzes are here.';
}
