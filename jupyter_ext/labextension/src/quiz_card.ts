/** One quiz in the panel: how it stands, and what can be done. */

import { button, Child, element, IButton, sign } from './dom';
import { submitLabel, termsList } from './dialogs';
import { IAttempt, IListedQuiz } from './panel_api';
import {
  attemptsText,
  dueWords,
  groupText,
  receiptText,
  scoreText,
  STATES
} from './words';

/** What a card can ask for. */
export interface ICardActions {
  open(quiz: IListedQuiz): void;
  submit(quiz: IListedQuiz): void;
  validate(quiz: IListedQuiz): void;
  readFeedback(quiz: IListedQuiz, attempt: number): void;
  restore(quiz: IListedQuiz): void;
  startAgain(quiz: IListedQuiz): void;
}

/** What the panel knows besides the list. */
export interface ICardState {
  /** Why nothing can be asked of the course just now; empty when it can. */
  whyOff: string;
  /** What was said of the last thing that was done here. */
  note: string;
  isMoreOpen: boolean;
  /** What the validator found, or null. */
  validation: HTMLElement | null;
}

/** The key of a quiz in the panel. */
export function keyOf(quiz: { course: string; assignment: string }): string {
  return `${quiz.course}/${quiz.assignment}`;
}

/** The newest attempt whose feedback can be read. */
export function newestFeedback(quiz: IListedQuiz): IAttempt | null {
  return quiz.attempts?.filter(one => one.has_feedback).at(-1) ?? null;
}

export function quizCard(
  quiz: IListedQuiz,
  actions: ICardActions,
  state: ICardState,
  now: Date
): HTMLElement {
  const key = keyOf(quiz);
  const title = element(
    'h4',
    'cb-Card-title',
    { tabindex: '-1', 'data-key': `${key}#title` },
    [quiz.title]
  );
  const last = quiz.attempts?.at(-1);
  const lines: Child[] = [
    stateLine(quiz),
    quiz.attempts ? dueLine(quiz, now) : null,
    line(groupText(quiz)),
    line(attemptsText(quiz)),
    line(scoreText(quiz), 'cb-mod-strong'),
    line(last ? receiptText(last) : ''),
    line(last?.state_text ?? ''),
    line(quiz.why_not ?? ''),
    line(quiz.environment_problem),
    line(
      quiz.has_newer_release
        ? 'A newer version of this quiz was released. Start again to get it; your work is kept.'
        : ''
    )
  ];
  return element('li', 'cb-Card', {}, [
    title,
    ...lines,
    element('div', 'cb-Buttons', {}, mainButtons(quiz, actions, state)),
    termsOf(quiz),
    moreButtons(quiz, actions, state),
    state.note ? element('p', 'cb-Note', {}, [state.note]) : null,
    state.validation
  ]);
}

function stateLine(quiz: IListedQuiz): HTMLElement {
  const { sign: character, text } = quiz.attempts
    ? STATES[quiz.state]
    : { sign: '✎', text: 'On this server' };
  return element('p', 'cb-Line cb-State', { 'data-state': quiz.state }, [
    sign(character),
    text
  ]);
}

function dueLine(quiz: IListedQuiz, now: Date): HTMLElement {
  const { text, moment, iso, isNear } = dueWords(quiz, now);
  const className = isNear ? 'cb-Line cb-mod-strong' : 'cb-Line';
  const time = moment
    ? element('time', 'cb-Moment', { datetime: iso }, [moment])
    : null;
  const extended = quiz.extended ? ', extended for you' : '';
  return element('p', className, {}, [
    text + extended,
    time ? ' ' : null,
    time
  ]);
}

/** On what terms it is handed in; open when the learner has opened it. */
function termsOf(quiz: IListedQuiz): HTMLElement | null {
  if (!quiz.terms.length) {
    return null;
  }
  const summary = element(
    'summary',
    'cb-More-summary',
    {
      'data-key': `${keyOf(quiz)}#terms`,
      'aria-label': `Terms: ${quiz.title}`
    },
    ['Terms']
  );
  return element('details', 'cb-More', {}, [summary, termsList(quiz.terms)]);
}

function line(text: string, modifier = ''): HTMLElement | null {
  return text ? element('p', `cb-Line ${modifier}`.trim(), {}, [text]) : null;
}

function mainButtons(
  quiz: IListedQuiz,
  actions: ICardActions,
  state: ICardState
): HTMLElement[] {
  const spec = (name: string, label: string, run: () => void): IButton => ({
    key: `${keyOf(quiz)}#${name}`,
    label,
    about: quiz.title,
    run
  });
  const buttons: IButton[] = [];
  const open = spec('open', quiz.is_here ? 'Open' : 'Fetch and open', () =>
    actions.open(quiz)
  );
  buttons.push({
    ...open,
    isMain: !quiz.closed,
    whyOff: quiz.is_here ? '' : state.whyOff
  });
  if (quiz.is_here) {
    buttons.push(spec('validate', 'Validate', () => actions.validate(quiz)));
    if (!quiz.why_not) {
      const submit = spec('submit', submitLabel(quiz), () =>
        actions.submit(quiz)
      );
      buttons.push({ ...submit, whyOff: state.whyOff });
    }
  }
  const attempt = newestFeedback(quiz);
  if (attempt) {
    const read = spec('feedback', 'Read feedback', () =>
      actions.readFeedback(quiz, attempt.number)
    );
    buttons.push({ ...read, whyOff: state.whyOff });
  }
  return buttons.map(button);
}

function moreButtons(
  quiz: IListedQuiz,
  actions: ICardActions,
  state: ICardState
): HTMLElement | null {
  if (!quiz.is_here) {
    return null;
  }
  const { whyOff } = state;
  const common = { about: quiz.title, whyOff };
  const summary = element(
    'summary',
    'cb-More-summary',
    {
      'data-key': `${keyOf(quiz)}#more`,
      'aria-label': `More: ${quiz.title}`
    },
    ['More']
  );
  const details = element('details', 'cb-More', {}, [
    summary,
    element('div', 'cb-Buttons', {}, [
      button({
        ...common,
        key: `${keyOf(quiz)}#restore`,
        label: 'Restore lost files',
        run: () => actions.restore(quiz)
      }),
      button({
        ...common,
        key: `${keyOf(quiz)}#start-again`,
        label: 'Start again',
        run: () => actions.startAgain(quiz)
      })
    ])
  ]);
  details.open = state.isMoreOpen;
  details.dataset['more'] = keyOf(quiz);
  return details;
}
