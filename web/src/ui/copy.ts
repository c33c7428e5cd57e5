import { h } from './h';
import { icon } from './icons';
import { toastError, toastInfo } from './toast';

/** `what` names it in the message, as in "Link copied." */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toastInfo(`${what} copied.`);
  } catch {
    toastError(`The browser does not allow copying here. ${what}: ${text}`);
  }
}

export const copyButton = (text: string, what: string): HTMLElement =>
  h(
    'button',
    {
      type: 'button',
      class: 'button small',
      'aria-label': `Copy the ${what}`,
      onclick: () => void copyText(text, what),
    },
    icon('copy'),
    'Copy',
  );
