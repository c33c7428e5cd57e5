import { h } from './h';
import { icon, type IconName } from './icons';

interface IconButton {
  icon: IconName;
  label: string;
  testid?: string;
  onclick: () => void;
}

/** A button that shows only an icon: its name is in its label and in its tooltip. */
export function iconButton(button: IconButton): HTMLButtonElement {
  return h(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': button.label,
      title: button.label,
      'data-testid': button.testid,
      onclick: button.onclick,
    },
    icon(button.icon),
  );
}

export function relabel(button: HTMLElement, label: string): void {
  if (button.getAttribute('aria-label') === label) return;
  button.setAttribute('aria-label', label);
  button.title = label;
}
