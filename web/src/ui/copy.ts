import { toastError, toastInfo } from './toast';

/** `what` names it in the message, as in "Link copied." */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toastInfo(`${what} copied.`);
  } catch {
    toastError(`${what} could not be copied: the browser does not allow it here. It is: ${text}`);
  }
}
