/** The three things a learner is shown: may I, here is your receipt, it did not work. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { IReceipt, Submittable } from './api';
import { element } from './dom';
import { fullTime } from './times';
import { dueWords } from './words';

const STATES: Record<string, string> = {
  queued: 'Waiting to be marked',
  running: 'Being marked',
  graded: 'Marked',
  needs_manual: 'Waiting for your teacher',
  failed: 'Marking failed. Your teacher can see it'
};

/** "Submit attempt 2", or "Submit" while the number is not known. */
export function submitLabel(quiz: Submittable): string {
  return quiz.next_attempt === null
    ? 'Submit'
    : `Submit attempt ${quiz.next_attempt}`;
}

/** Ask before handing in. */
export async function confirmSubmit(quiz: Submittable): Promise<boolean> {
  const lines = [
    'This saves your notebooks and hands in all files of the quiz.'
  ];
  const { text, moment } = dueWords(quiz, new Date());
  if (moment) {
    lines.push(`${text}: ${moment}.`);
  }
  const left = quiz.attempts_left;
  if (left !== null) {
    lines.push(attemptsLeftText(left));
  }
  const body = paragraphs(lines);
  if (quiz.terms.length) {
    body.node.append(termsList(quiz.terms));
  }
  const result = await showDialog({
    title: `${submitLabel(quiz)}: ${quiz.title}`,
    body,
    buttons: [
      Dialog.cancelButton({ label: 'Cancel' }),
      Dialog.okButton({ label: submitLabel(quiz) })
    ]
  });
  return result.button.accept;
}

/** Say that no attempt is left. */
export async function showNoAttemptsLeft(quiz: Submittable): Promise<void> {
  await showDialog({
    title: 'No attempts left',
    body: paragraphs(
      [
        `You have used all attempts of ${quiz.title}. Your work stays saved. Ask your teacher if you need another.`
      ],
      quiz.page_url
    ),
    buttons: [Dialog.okButton({ label: 'Close' })]
  });
}

/** Show the receipt: the first moment that anything says "submitted". */
export async function showReceipt(
  quiz: Submittable,
  receipt: IReceipt
): Promise<void> {
  const rows: [string, string][] = [
    ['Attempt', String(receipt.attempt)],
    ['Receipt', receipt.receipt],
    ['Stored', fullTime(receipt.submitted_at)],
    ['State', receipt.state_text || STATES[receipt.state] || receipt.state]
  ];
  const node = document.createElement('div');
  const list = document.createElement('dl');
  list.className = 'cb-Receipt';
  for (const [term, value] of rows) {
    const dt = document.createElement('dt');
    dt.textContent = term;
    const dd = document.createElement('dd');
    dd.textContent = value;
    list.append(dt, dd);
  }
  node.append(list, ...coursePage(receipt.page_url || quiz.page_url));
  await showDialog({
    title: `Submitted: ${quiz.title}`,
    body: new Widget({ node }),
    buttons: [Dialog.okButton({ label: 'Close' })]
  });
}

/** Say why it did not work; true when the learner wants to try again. */
export async function showFailure(message: string): Promise<boolean> {
  const result = await showDialog({
    title: 'Not submitted',
    body: paragraphs([message, 'Nothing is lost: your files are as they were.']),
    buttons: [
      Dialog.cancelButton({ label: 'Close' }),
      Dialog.okButton({ label: 'Try again' })
    ]
  });
  return result.button.accept;
}

/** Ask before starting again. */
export async function confirmStartAgain(quiz: Submittable): Promise<boolean> {
  const lines = [
    'You get the quiz as it was released. Your work so far is kept whole in a folder beside it, with the date in its name.',
    'Open notebooks of the quiz are saved and closed, and their kernels shut down. Attempts that you have used stay used.'
  ];
  const result = await showDialog({
    title: `Start again: ${quiz.title}`,
    body: paragraphs(lines),
    buttons: [
      Dialog.cancelButton({ label: 'Cancel' }),
      Dialog.okButton({ label: 'Keep my work and start again' })
    ]
  });
  return result.button.accept;
}

/** The terms of a quiz, one a line. */
export function termsList(terms: string[]): HTMLElement {
  const items = terms.map(text => element('li', 'cb-Line', {}, [text]));
  return element('ul', 'cb-Terms', {}, items);
}

function attemptsLeftText(left: number): string {
  const after = left - 1;
  if (after === 0) {
    return 'This is your last attempt.';
  }
  return `After this one you have ${after} more ${after === 1 ? 'attempt' : 'attempts'}.`;
}

function paragraphs(lines: string[], pageUrl?: string | null): Widget {
  const node = document.createElement('div');
  for (const line of lines) {
    const paragraph = document.createElement('p');
    paragraph.className = 'cb-Text';
    paragraph.textContent = line;
    node.append(paragraph);
  }
  node.append(...coursePage(pageUrl));
  return new Widget({ node });
}

/** A link to the quiz's page in the course, if it has an address that a browser may follow. */
function coursePage(url?: string | null): HTMLElement[] {
  if (!url || !/^https?:\/\//.test(url)) {
    return [];
  }
  const link = document.createElement('a');
  link.className = 'cb-Link';
  link.href = url;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = 'Open the course page';
  return [link];
}
