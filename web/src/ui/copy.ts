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
