import { h } from './h';

/** Resolves to what was typed in, or to null if the dialog was left without it. */
export function askForToken(rejected: boolean): Promise<string | null> {
  return new Promise((resolve) => {
    const input = h('input', {
      id: 'token',
      type: 'password',
      autocomplete: 'current-password',
      spellcheck: 'false',
      required: true,
      autofocus: true,
      'aria-describedby': rejected ? 'token-rejected token-help' : 'token-help',
      'aria-invalid': rejected ? 'true' : null,
      'data-testid': 'token-input',
    });
    let given: string | null = null;
    const submit = (event: Event) => {
      event.preventDefault();
      given = input.value.trim() || null;
      if (given) dialog.close();
    };
    const dialog = h(
      'dialog',
      { class: 'dialog', 'aria-labelledby': 'token-title', 'data-testid': 'token-dialog' },
      h(
        'form',
        { onsubmit: submit },
        h('h2', { id: 'token-title' }, 'Sign in'),
        h(
          'p',
          { id: 'token-help' },
          'Uploading and managing videos needs the API token of this deployment. ',
          h('code', {}, 'cargo reelrun up'),
          ' prints it. It stays in this tab until you close it or sign out.',
        ),
        rejected &&
          h(
            'p',
            { id: 'token-rejected', class: 'field-error', role: 'alert' },
            'That token was not accepted. Check it and enter it again.',
          ),
        h('label', { for: 'token' }, 'API token'),
        input,
        h(
          'div',
          { class: 'dialog-actions' },
          h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel'),
          h(
            'button',
            { type: 'submit', class: 'button primary', 'data-testid': 'token-submit' },
            'Sign in',
          ),
        ),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
