/** Makes elements: native ones, so that keyboard and screen reader know them. Text is never read as HTML. */

export type Child = Node | string | null;

/** An element with a class, attributes and children; `null` children are left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  attributes: Record<string, string> = {},
  children: Child[] = []
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null));
  return node;
}

/** A sign before words that say the same. */
export function sign(character: string): HTMLElement {
  return element('span', 'cb-Sign', { 'aria-hidden': 'true' }, [character]);
}

export interface IButton {
  /** What the button is called among all of the panel; focus is found again by it. */
  key: string;
  label: string;
  /** What it is about, for who hears the button alone. */
  about: string;
  run: () => void;
  isMain?: boolean;
  /** Why it does nothing just now. */
  whyOff?: string;
}

/** A native button. One that does nothing can still be reached, and says why. */
export function button(spec: IButton): HTMLButtonElement {
  const node = element(
    'button',
    spec.isMain ? 'cb-Button cb-mod-main' : 'cb-Button',
    {
      type: 'button',
      'data-key': spec.key,
      'aria-label': `${spec.label}: ${spec.about}`
    },
    [spec.label]
  );
  if (spec.whyOff) {
    node.setAttribute('aria-disabled', 'true');
    node.title = spec.whyOff;
  }
  node.addEventListener('click', spec.run);
  return node;
}
