/** What the panel says of a quiz. */

import { IQuiz } from './api';
import { IAttempt, IListedQuiz, IRestored, QuizState } from './panel_api';
import { shortTime } from './times';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LONGEST_SPAN_MS = 14 * DAY_MS;

/** A sign and words for each state; the words say it without the sign. */
export const STATES: Record<QuizState, { sign: string; text: string }> = {
  not_started: { sign: '○', text: 'Not started' },
  in_work: { sign: '✎', text: 'In work' },
  handed_in: { sign: '↑', text: 'Handed in, waiting to be marked' },
  being_marked: { sign: '◌', text: 'Being marked' },
  held: { sign: '◔', text: 'Held: your teacher looks at it first' },
  needs_manual: { sign: '◑', text: 'Your teacher marks the rest' },
  marked: { sign: '✓', text: 'Marked' },
  failed: { sign: '⚠', text: 'Could not be marked' },
  closed: { sign: '■', text: 'Closed' }
};

export interface IDueWords {
  text: string;
  /** The moment itself, for people; empty when there is none. */
  moment: string;
  iso: string;
  isNear: boolean;
}

/** When a quiz is due, seen from `now`. */
export function dueWords(
  quiz: Pick<IQuiz, 'due' | 'closes' | 'closed'>,
  now: Date
): IDueWords {
  const due = quiz.due ? new Date(quiz.due) : null;
  const closes = quiz.closes ? new Date(quiz.closes) : null;
  if (quiz.closed) {
    const text = closes ? `Closed ${span(closes, now)}` : 'Closed';
    return words(text, closes, false);
  }
  if (due && due > now) {
    const isNear = due.getTime() - now.getTime() < DAY_MS;
    return words(`Due ${span(due, now)}`, due, isNear);
  }
  if (closes) {
    const isNear = closes.getTime() - now.getTime() < DAY_MS;
    const before = due ? `Was due ${span(due, now)}, closes` : 'Closes';
    return words(`${before} ${span(closes, now)}`, closes, isNear);
  }
  return due
    ? words(`Was due ${span(due, now)}`, due, false)
    : words('No due date', null, false);
}

/** "1 of 3 attempts used, 2 left". */
export function attemptsText(quiz: IListedQuiz): string {
  if (!quiz.attempts) {
    return '';
  }
  const used = Math.max(quiz.attempts.length, (quiz.next_attempt ?? 1) - 1);
  const allowed = quiz.attempts_allowed;
  if (allowed === null) {
    return used === 0
      ? 'No attempt used, any number allowed'
      : `${count(used, 'attempt')} used, any number allowed`;
  }
  const left = quiz.closed ? '' : `, ${quiz.attempts_left ?? 0} left`;
  return `${used} of ${count(allowed, 'attempt')} used${left}`;
}

/** "Group Red: Ada L., Grace H."; empty when the quiz is done alone. */
export function groupText(quiz: IListedQuiz): string {
  const { group } = quiz;
  return group ? `Group ${group.name}: ${group.members.join(', ')}` : '';
}

/** "Receipt 7F3A-91BC, 14:03", with who handed in for the group. */
export function receiptText(attempt: IAttempt): string {
  const by = attempt.by ? `, handed in by ${attempt.by}` : '';
  return `Receipt ${attempt.receipt}, ${shortTime(attempt.submitted_at)}${by}`;
}

/** "Score 3 of 4"; empty while there is none. */
export function scoreText(quiz: IListedQuiz): string {
  if (!quiz.result) {
    return '';
  }
  const { score, max_score, attempt } = quiz.result;
  const which =
    (quiz.attempts ?? []).length > 1 ? `, attempt ${attempt} counts` : '';
  return `Score ${number(score)} of ${number(max_score)}${which}`;
}

/** What came back. */
export function restoredText(restored: IRestored): string {
  const saved = restored.from_saved.join(', ');
  const released = restored.from_release.join(', ');
  if (!saved && !released) {
    return 'No file is missing. To get the original of a file that you changed, start again from the release: your version is kept.';
  }
  const parts = [];
  if (saved) {
    parts.push(`from your copy of ${shortTime(restored.saved_at)}: ${saved}`);
  }
  if (released) {
    parts.push(`as released: ${released}`);
  }
  return `Restored ${parts.join('; ')}.`;
}

/** "1 test", "2 tests". */
export function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}

export function number(value: number): string {
  return value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

/** "in 3 hours", "2 days ago"; for what is far off, the day. */
function span(moment: Date, now: Date): string {
  const ms = moment.getTime() - now.getTime();
  const size = Math.abs(ms);
  if (size < MINUTE_MS) {
    return ms < 0 ? 'just now' : 'in less than a minute';
  }
  if (size > LONGEST_SPAN_MS) {
    const day: Intl.DateTimeFormatOptions = {
      day: 'numeric',
      month: 'short',
      year: 'numeric'
    };
    return `on ${moment.toLocaleDateString(undefined, day)}`;
  }
  const unit: [number, string] =
    size < HOUR_MS
      ? [MINUTE_MS, 'minute']
      : size < 2 * DAY_MS
        ? [HOUR_MS, 'hour']
        : [DAY_MS, 'day'];
  const text = count(Math.floor(size / unit[0]), unit[1]);
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

function words(text: string, moment: Date | null, isNear: boolean): IDueWords {
  return {
    text,
    moment: moment ? fullMoment(moment) : '',
    iso: moment ? moment.toISOString() : '',
    isNear
  };
}

/** "Thu 26 Nov, 17:00 CET". */
function fullMoment(moment: Date): string {
  return moment.toLocaleString(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short'
  });
}
