/** Coursebridge in JupyterLab: hand in a quiz from its notebook, and see that the work is safe. */

import {
  ILabShell,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { QuizPanel } from './quiz_panel';
import { Submitter } from './submit';

const SUBMIT = 'coursebridge:submit';

/** Narrower than this there is room for the notebook alone, in CSS pixels. */
const NARROW_PX = 640;

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@coursebridge/jupyterlab:plugin',
  description: 'Hand in a notebook quiz and see that it is saved to the course.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    shell: ILabShell | null
  ): void => {
    const { serverSettings } = app.serviceManager;
    const submitter = new Submitter(serverSettings, notebooks);
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
        quizPanel.changed.connect(() =>
          app.commands.notifyCommandChanged(SUBMIT)
        );
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
    palette?.addItem({ command: SUBMIT, category: 'Course' });

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
