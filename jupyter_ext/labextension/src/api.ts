/** What the server extension (jupyter_ext/singleuser/handlers.py) answers, and the two calls to it. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** How safe the work is: see DraftStatus in backup.py. Times are ISO 8601. */
export interface IDraft {
  state: 'none' | 'waiting' | 'stored' | 'failing' | 'refused';
  saved_at: string;
  message: string;
}

/** The quiz that a notebook belongs to. `null` numbers mean not known just now, or without limit. */
export interface IQuiz {
  course: string;
  assignment: string;
  title: string;
  /** Due and closing date, this learner's own; ISO 8601. */
  due: string | null;
  closes: string | null;
  closed: boolean;
  extended: boolean;
  /** Which attempt counts, what lateness costs, limits: sentences. Empty while they are not known. */
  terms: string[];
  attempts_left: number | null;
  next_attempt: number | null;
  page_url: string | null;
  draft: IDraft;
  problem: { code: string; message: string } | null;
}

/** What is needed of a quiz to hand it in. */
export type Submittable = Omit<IQuiz, 'draft' | 'problem'>;

export interface IReceipt {
  attempt: number;
  receipt: string;
  submitted_at: string;
  state: string;
  state_text: string;
  page_url: string;
}

/** A refusal, in words for the learner. */
export class SubmitError extends Error {}

const UNREACHABLE =
  'Your Jupyter server does not answer. Check your connection and try again.';

/** The quiz of a notebook path, or null when the path belongs to none. */
export async function fetchQuiz(
  settings: ServerConnection.ISettings,
  path: string
): Promise<IQuiz | null> {
  const query = URLExt.objectToQueryString({ path });
  const data = (await request(settings, `status${query}`, {})) as
    | IQuiz
    | { assignment: null };
  return data.assignment === null ? null : data;
}

/** Hand in what is on disk. The same `requestId` again gives the same receipt. */
export async function postSubmission(
  settings: ServerConnection.ISettings,
  quiz: Submittable,
  requestId: string
): Promise<IReceipt> {
  const body = JSON.stringify({
    course: quiz.course,
    assignment: quiz.assignment,
    request_id: requestId
  });
  const init = { method: 'POST', body };
  return (await request(settings, 'submit', init)) as IReceipt;
}

/** Ask the server extension. Throws SubmitError with words for the learner. */
export async function request(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit
): Promise<unknown> {
  const url = URLExt.join(settings.baseUrl, 'coursebridge') + '/' + path;
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
  } catch {
    throw new SubmitError(UNREACHABLE);
  }
  const text = await response.text();
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new SubmitError(UNREACHABLE);
  }
  if (!response.ok) {
    const { message } = data as { message?: string };
    throw new SubmitError(message || UNREACHABLE);
  }
  return data;
}
