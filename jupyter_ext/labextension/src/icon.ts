/** The sign of the panel in JupyterLab's side bar: a list with ticks. */

import { LabIcon } from '@jupyterlab/ui-components';

export const quizzesIcon = new LabIcon({
  name: 'coursebridge:quizzes',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3" fill="#616161" d="M11 5h10v2H11zm0 6h10v2H11zm0 6h10v2H11zM4.6 8.6 2.5 6.5l1-1 1.1 1.1 2.9-2.9 1 1zm0 6-2.1-2.1 1-1 1.1 1.1 2.9-2.9 1 1zm0 6-2.1-2.1 1-1 1.1 1.1 2.9-2.9 1 1z"/>
</svg>`
});
