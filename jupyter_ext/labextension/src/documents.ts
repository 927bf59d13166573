/** The open documents of a quiz: open, reveal, save and close them. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import { Submittable } from './api';

/** JupyterLab activates a document, and then what is in it, by messages that it posts. */
const FRAMES_TO_FOCUS = 3;

export class Documents {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _manager: IDocumentManager
  ) {}

  /** Show a file, opened if need be. */
  open(path: string): Widget | undefined {
    return this._manager.openOrReveal(path);
  }

  /** Show a file, and wait until it has taken the focus: what is activated afterwards keeps it. */
  async reveal(path: string): Promise<Widget | undefined> {
    const widget = this.open(path);
    if (widget instanceof MainAreaWidget) {
      await widget.revealed;
    }
    for (let frame = 0; frame < FRAMES_TO_FOCUS; frame++) {
      await new Promise(done => requestAnimationFrame(done));
    }
    return widget;
  }

  /** Show a cell of a notebook; `number` counts from 1. */
  async showCell(path: string, number: number): Promise<void> {
    const panel = await this.reveal(path);
    if (!(panel instanceof NotebookPanel)) {
      return;
    }
    await panel.context.ready;
    const { content } = panel;
    content.activeCellIndex = Math.min(number, content.widgets.length) - 1;
    content.mode = 'command';
    await content.scrollToItem(content.activeCellIndex, 'center');
    this._app.shell.activateById(panel.id);
  }

  /** Save and close whatever is open of a quiz, and end its kernels: their folder is about to be another one. */
  async saveAndClose(quiz: Submittable): Promise<void> {
    const folder = `${quiz.course}/${quiz.assignment}/`;
    const contexts = new Set(
      Array.from(this._app.shell.widgets('main'))
        .map(widget => this._manager.contextForWidget(widget))
        .filter(context => context?.path.startsWith(folder))
    );
    for (const context of contexts) {
      if (context?.model.dirty) {
        await context.save();
      }
    }
    await Promise.all(
      [...contexts].map(context => this._manager.closeFile(context?.path ?? ''))
    );
    const { sessions } = this._app.serviceManager;
    await sessions.refreshRunning();
    const ours = [...sessions.running()].filter(one =>
      one.path.startsWith(folder)
    );
    await Promise.all(ours.map(one => sessions.shutdown(one.id)));
  }
}
