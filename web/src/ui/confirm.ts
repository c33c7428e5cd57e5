import { h } from './h';

interface Question {
  title: string;
  text: string;
  action: string;
  testid: string;
}

/** Asks before something that cannot be undone. */
export function confirmed(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const act = () => {
      answer = true;
      dialog.close();
    };
    const dialog = h(
      'dialog',
      {
        class: 'dialog',
        role: 'alertdialog',
        'aria-labelledby': 'confirm-title',
        'aria-describedby': 'confirm-text',
      },
      h('h2', { id: 'confirm-title' }, question.title),
      h('p', { id: 'confirm-text' }, question.text),
      h(
        'div',
        { class: 'dialog-actions' },
        h(
          'button',
          { type: 'button', class: 'button', autofocus: true, onclick: () => dialog.close() },
          'Cancel',
        ),
        h(
          'button',
          {
            type: 'button',
            class: 'button danger',
            'data-testid': question.testid,
            onclick: act,
          },
          question.action,
        ),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
