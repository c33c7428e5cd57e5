import { messageOf } from '../problem';
import { iconButton } from '../ui/button';
import { h } from '../ui/h';
import { icon } from '../ui/icons';
import { toastError } from '../ui/toast';

/** A title, being edited in its place. An empty one means: show the file's name. */
export function renameForm(
  title: string,
  filename: string,
  save: (title: string) => Promise<void>,
  close: () => void,
): HTMLFormElement {
  const input = h('input', {
    type: 'text',
    value: title,
    placeholder: filename,
    'aria-label': `New title for ${title || filename}`,
    'data-testid': 'card-title-input',
  });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (input.readOnly) return;
    if (input.value.trim() === title) return close();
    input.readOnly = true;
    try {
      await save(input.value.trim());
      close();
    } catch (why) {
      input.readOnly = false;
      input.focus();
      toastError(`The title was not saved. ${messageOf(why)}`);
    }
  };
  return h(
    'form',
    {
      class: 'rename',
      onsubmit: (event: Event) => void submit(event),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === 'Escape') close();
      },
    },
    input,
    h(
      'button',
      { type: 'submit', class: 'icon-button', 'aria-label': 'Save the title', title: 'Save' },
      icon('check'),
    ),
    iconButton({ icon: 'close', label: 'Keep the old title', onclick: close }),
  );
}
