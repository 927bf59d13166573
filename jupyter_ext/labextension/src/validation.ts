/** Runs nbgrader's validator on a quiz and shows what it found, cell by cell. */

import { SubmitError } from './api';
import { button, Child, element } from './dom';
import { ICellFinding, IListedQuiz, IValidation, PanelApi } from './panel_api';
import { keyOf } from './quiz_card';
import { count } from './words';

type Notebook = IValidation['notebooks'][number];

/** What can be asked of a finding. */
export interface IFindingActions {
  cancel(quiz: IListedQuiz): void;
  hide(quiz: IListedQuiz): void;
  showCell(quiz: IListedQuiz, notebook: string, number: number): void;
}

/** Validate, and tell of every step until it has ended. */
export async function validate(
  api: PanelApi,
  quiz: IListedQuiz,
  tell: (validation: IValidation) => void
): Promise<IValidation> {
  let found = await api.beginValidation(quiz);
  tell(found);
  while (found.state === 'running') {
    found = await api.waitForValidation(quiz);
    tell(found);
  }
  return found;
}

/** One sentence about how it ended. */
export function validationSummary(found: IValidation): string {
  if (found.state === 'running') {
    return `Validating: ${found.checked} of ${count(found.total, 'notebook')} done.`;
  }
  if (found.state === 'cancelled') {
    return 'Validation was cancelled.';
  }
  const cells = found.notebooks.flatMap(one => one.cells);
  const problems = found.notebooks.filter(one => one.problem).length;
  if (found.problem || problems) {
    return found.problem || `${count(problems, 'notebook')} could not be checked.`;
  }
  if (cells.length === 0) {
    return 'All tests that you can see pass. Marking may use more.';
  }
  const changed = cells.filter(cell => cell.kind !== 'failed').length;
  return changed
    ? `${count(changed, 'cell')} that must stay as released changed.`
    : `${count(cells.length, 'test')} ${cells.length === 1 ? 'does' : 'do'} not pass.`;
}

/** Words for what stood in the way of validating. */
export function validationProblem(error: unknown): string {
  return error instanceof SubmitError
    ? error.message
    : 'A notebook could not be saved, so it was not validated. Save it and try again.';
}

/** What was found, for the card of the quiz. */
export function validationView(
  quiz: IListedQuiz,
  found: IValidation,
  actions: IFindingActions
): HTMLElement {
  const key = keyOf(quiz);
  const isRunning = found.state === 'running';
  const end = button({
    key: `${key}#${isRunning ? 'cancel' : 'hide'}`,
    label: isRunning ? 'Cancel' : 'Hide',
    about: `validation of ${quiz.title}`,
    run: () => (isRunning ? actions.cancel(quiz) : actions.hide(quiz))
  });
  return element(
    'section',
    'cb-Validation',
    { 'aria-label': `Validation of ${quiz.title}` },
    [
      element('p', 'cb-Line cb-mod-strong', {}, [validationSummary(found)]),
      ...found.notebooks
        .filter(one => one.problem || one.cells.length)
        .map(one => notebookView(quiz, one, actions)),
      element('div', 'cb-Buttons', {}, [end])
    ]
  );
}

function notebookView(
  quiz: IListedQuiz,
  notebook: Notebook,
  actions: IFindingActions
): HTMLElement {
  const items = notebook.cells.map((cell, index) =>
    element(
      'li',
      'cb-Finding',
      {},
      cellView(quiz, notebook.notebook, cell, index, actions)
    )
  );
  return element('div', '', {}, [
    element('h5', 'cb-Notebook', {}, [notebook.notebook]),
    notebook.problem
      ? element('p', 'cb-Line', {}, [notebook.problem])
      : null,
    items.length ? element('ol', 'cb-Findings', {}, items) : null
  ]);
}

function cellView(
  quiz: IListedQuiz,
  notebook: string,
  cell: ICellFinding,
  index: number,
  actions: IFindingActions
): Child[] {
  const name = cell.number === null ? 'A cell' : `Cell ${cell.number}`;
  const title = cell.name ? `${name} (${cell.name})` : name;
  const { number } = cell;
  const key = `${keyOf(quiz)}#${notebook}/${index}`;
  const show =
    number === null
      ? null
      : button({
          key: `${key}/show`,
          label: 'Show cell',
          about: `${number} of ${notebook}`,
          run: () => actions.showCell(quiz, notebook, number)
        });
  return [
    element('p', 'cb-Line', {}, [
      element('strong', '', {}, [`${title}. `]),
      cell.words
    ]),
    show,
    cell.error
      ? element('details', 'cb-More', {}, [
          element(
            'summary',
            'cb-More-summary',
            { 'data-key': `${key}/error`, 'aria-label': `Whole error: ${title}` },
            ['Whole error']
          ),
          element(
            'pre',
            'cb-Error',
            { tabindex: '0', role: 'group', 'aria-label': `Error of ${title}` },
            [cell.error]
          )
        ])
      : null
  ];
}
