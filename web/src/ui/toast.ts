import { iconButton } from './button';
import { h, type Child } from './h';
import { icon } from './icons';

const SHOWN_MS = { info: 6_000, error: 10_000 };

const region = h('section', { class: 'toasts', 'aria-label': 'Messages' });

export function mountToasts(parent: Element): void {
  parent.append(region);
}

export const toastError = (...content: Child[]): void => show('error', content);

export const toastInfo = (...content: Child[]): void => show('info', content);

function show(kind: 'info' | 'error', content: Child[]): void {
  const close = () => {
    stop();
    toast.remove();
  };
  const toast = h(
    'div',
    {
      class: `toast toast-${kind}`,
      role: kind === 'error' ? 'alert' : 'status',
      'data-testid': 'toast',
    },
    icon(kind === 'error' ? 'alert' : 'check'),
    h('div', { class: 'toast-text' }, ...content),
    iconButton({ icon: 'close', label: 'Dismiss this message', onclick: close }),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(close, SHOWN_MS[kind]);
  };
  // Whoever reads it or has the focus in it decides when it goes.
  toast.addEventListener('pointerenter', stop);
  toast.addEventListener('focusin', stop);
  toast.addEventListener('pointerleave', start);
  toast.addEventListener('focusout', start);
  region.append(toast);
  start();
}
