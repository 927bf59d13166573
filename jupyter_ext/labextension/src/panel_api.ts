/** What the panel asks of the server extension: see jupyter_ext/singleuser/panel_handlers.py. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IQuiz, request } from './api';

export interface IProblem {
  code: string;
  message: string;
}

export interface IAttempt {
  number: number;
  submitted_at: string;
  receipt: string;
  state: string;
  state_text: string;
  score: number | null;
  max_score: number | null;
  has_feedback: boolean;
  is_held: boolean;
  /** Who handed it in for the group; null: this learner, alone. */
  by: string | null;
}

export type QuizState =
  | 'not_started'
  | 'in_work'
  | 'handed_in'
  | 'being_marked'
  | 'held'
  | 'needs_manual'
  | 'marked'
  | 'failed'
  | 'closed';

/** A quiz of the list. Times are ISO 8601, and this learner's own. `null` means none, or not known just now. */
export interface IListedQuiz extends Omit<IQuiz, 'problem'> {
  why_not: string | null;
  attempts_allowed: number | null;
  attempts: IAttempt[] | null;
  /** The group that the quiz is done in; null: alone. */
  group: { name: string; members: string[] } | null;
  result: { attempt: number; score: number; max_score: number } | null;
  state: QuizState;
  is_here: boolean;
  /** Path of its first notebook. */
  notebook: string | null;
  has_newer_release: boolean;
  /** Why it does not open with the packages or the kernel that it is marked with; empty when it does. */
  environment_problem: string;
}

export interface ICourse {
  key: string;
  title: string;
  quizzes: IListedQuiz[];
}

export interface IList {
  courses: ICourse[];
  /** Why the course cannot be asked just now. */
  problem: IProblem | null;
}

export interface IRestored {
  from_saved: string[];
  saved_at: string;
  from_release: string[];
}

export interface IFeedback {
  attempt: number;
  notebooks: { name: string; html: string }[];
}

export interface ICellFinding {
  kind: 'failed' | 'changed' | 'type_changed';
  /** From 1; null when it is not found in the notebook. */
  number: number | null;
  name: string;
  words: string;
  source: string;
  error: string;
}

export interface IValidation {
  state: 'running' | 'done' | 'cancelled';
  total: number;
  checked: number;
  notebooks: { notebook: string; problem: string; cells: ICellFinding[] }[];
  problem: string;
}

type Place = Pick<IQuiz, 'course' | 'assignment'>;
type Method = 'POST' | 'DELETE';

/** The calls, for one Jupyter server. They throw SubmitError with words for the learner. */
export class PanelApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  list(fresh: boolean): Promise<IList> {
    return this._get('quizzes', { fresh: fresh ? '1' : '' }) as Promise<IList>;
  }

  fetch(quiz: Place): Promise<{ path: string }> {
    return this._send('POST', 'fetch', quiz) as Promise<{ path: string }>;
  }

  restore(quiz: Place): Promise<IRestored> {
    return this._send('POST', 'restore', quiz) as Promise<IRestored>;
  }

  startAgain(quiz: Place): Promise<{ kept: string; path: string }> {
    return this._send('POST', 'start-again', quiz) as Promise<{
      kept: string;
      path: string;
    }>;
  }

  feedback(quiz: Place, attempt: number): Promise<IFeedback> {
    const more = { attempt: String(attempt) };
    return this._get('feedback', { ...named(quiz), ...more }) as Promise<IFeedback>;
  }

  beginValidation(quiz: Place): Promise<IValidation> {
    return this._send('POST', 'validate', quiz) as Promise<IValidation>;
  }

  /** Answers when it is done, or after a while with how far it is. */
  waitForValidation(quiz: Place): Promise<IValidation> {
    return this._get('validate', named(quiz)) as Promise<IValidation>;
  }

  async cancelValidation(quiz: Place): Promise<void> {
    const query = URLExt.objectToQueryString(named(quiz));
    await request(this._settings, `validate${query}`, { method: 'DELETE' });
  }

  private _get(what: string, query: Record<string, string>): Promise<unknown> {
    const asked = URLExt.objectToQueryString(query);
    return request(this._settings, `${what}${asked}`, {});
  }

  private _send(method: Method, what: string, quiz: Place): Promise<unknown> {
    const body = JSON.stringify(named(quiz));
    return request(this._settings, what, { method, body });
  }
}

function named(quiz: Place): { course: string; assignment: string } {
  return { course: quiz.course, assignment: quiz.assignment };
}
