import { h, type Child } from './h';
import { icon, type IconName } from './icons';

interface Notice {
  icon: IconName;
  title: string;
  text: string;
  testid?: string;
  /** The heading's level; 1 where the notice is the whole page. */
  level?: 1 | 2;
}

/** A message that takes the place of what could have been there. */
export function notice(content: Notice, ...actions: Child[]): HTMLElement {
  return h(
    'div',
    { class: 'notice', 'data-testid': content.testid },
    icon(content.icon),
    h(content.level === 1 ? 'h1' : 'h2', {}, content.title),
    h('p', {}, content.text),
    actions.length > 0 && h('div', { class: 'notice-actions' }, ...actions),
  );
}
