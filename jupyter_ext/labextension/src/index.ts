/** Coursebridge in JupyterLab: the quizzes of one's courses in a side panel, and a quiz's state in its notebook. */

import {
  ILabShell,
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { Documents } from './documents';
import { quizzesIcon } from './icon';
import { CoursePanel, PANEL_ID } from './panel';
import { PanelActions } from './panel_actions';
import { PanelApi } from './panel_api';
import { QuizPanel } from './quiz_panel';
import { Submitter } from './submit';

const SUBMIT = 'coursebridge:submit';
const SHOW_QUIZZES = 'coursebridge:show-quizzes';

/** Place in the left side bar: below the file browser. */
const PANEL_RANK = 110;

/** Narrower than this there is room for the notebook alone, in CSS pixels. */
const NARROW_PX = 640;

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@coursebridge/jupyterlab:plugin',
  description:
    'The quizzes of a course: fetch, validate, hand in, read feedback, and see that work is saved.',
  autoStart: true,
  requires: [INotebookTracker, IDocumentManager],
  optional: [ICommandPalette, ILabShell, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    manager: IDocumentManager,
    palette: ICommandPalette | null,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { serverSettings } = app.serviceManager;
    const submitter = new Submitter(serverSettings, notebooks);
    const api = new PanelApi(serverSettings);
    const coursePanel = new CoursePanel(api);
    coursePanel.title.icon = quizzesIcon;
    coursePanel.title.caption = 'Course quizzes';
    const documents = new Documents(app, manager);
    coursePanel.actions = new PanelActions(
      app,
      api,
      coursePanel,
      documents,
      submitter
    );
    app.shell.add(coursePanel, 'left', {
      rank: PANEL_RANK,
      type: 'Course quizzes'
    });
    restorer?.add(coursePanel, PANEL_ID);
    const quizPanels = new WeakMap<NotebookPanel, QuizPanel>();
    const current = (): QuizPanel | undefined =>
      notebooks.currentWidget
        ? quizPanels.get(notebooks.currentWidget)
        : undefined;

    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (panel: NotebookPanel) => {
        const quizPanel = new QuizPanel(panel, serverSettings, one => {
          void submitter.run(one);
        });
        quizPanels.set(panel, quizPanel);
        quizPanel.changed.connect(() => {
          app.commands.notifyCommandChanged(SUBMIT);
          coursePanel.refreshSoon();
        });
        return quizPanel;
      }
    });

    app.commands.addCommand(SUBMIT, {
      label: 'Submit Quiz to Course',
      caption: 'Save this quiz and hand it in to the course',
      isEnabled: () => !!current()?.quiz,
      execute: async () => {
        const quizPanel = current();
        if (quizPanel) {
          await submitter.run(quizPanel);
        }
      }
    });
    app.commands.addCommand(SHOW_QUIZZES, {
      label: 'Show Course Quizzes',
      caption: 'Show the quizzes of your courses in the side bar',
      execute: () => app.shell.activateById(PANEL_ID)
    });
    palette?.addItem({ command: SUBMIT, category: 'Course' });
    palette?.addItem({ command: SHOW_QUIZZES, category: 'Course' });
    submitter.submitted.connect(() => {
      if (coursePanel.isVisible) {
        void coursePanel.refresh({ fresh: true });
      }
    });

    void Promise.all([shell?.restored, app.restored]).then(([layout]) => {
      if (shell && layout?.fresh && window.innerWidth >= NARROW_PX) {
        coursePanel.keepFocusElsewhereOnce();
        shell.activateById(PANEL_ID);
      }
    });
    void app.restored.then(() => {
      if (shell && window.innerWidth < NARROW_PX) {
        shell.mode = 'single-document';
        shell.collapseLeft();
        shell.collapseRight();
      }
    });
  }
};

export default plugin;
