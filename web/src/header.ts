import { percent } from './format';
import { signedInChanged, signOut, token } from './session';
import { h, setText } from './ui/h';
import { toastInfo } from './ui/toast';
import { uploads, uploadsChanged } from './upload/manager';

/** The head of every page: home, the uploads that run elsewhere, sign out. */
export function header(): HTMLElement {
  const running = h('a', { class: 'header-uploads', href: '/', hidden: true });
  const leave = h(
    'button',
    {
      type: 'button',
      class: 'button small quiet',
      'data-testid': 'sign-out',
      hidden: token() === null,
      onclick: () => {
        signOut();
        toastInfo('Signed out. The token was removed from this tab.');
      },
    },
    'Sign out',
  );
  signedInChanged.on((signedIn) => {
    leave.hidden = !signedIn;
  });
  uploadsChanged.on(() => {
    const open = uploads.filter((upload) => upload.isOpen);
    running.hidden = open.length === 0;
    const sent = open.reduce((sum, upload) => sum + upload.sentBytes, 0);
    const total = open.reduce((sum, upload) => sum + upload.file.size, 0);
    const what = open.length === 1 ? '1 upload' : `${open.length} uploads`;
    if (open.length > 0) setText(running, `${what} · ${percent(sent / total)}`);
  });
  return h(
    'header',
    { class: 'header' },
    h(
      'a',
      { class: 'brand', href: '/' },
      h('img', { src: '/favicon.svg', alt: '', width: 28, height: 28 }),
      'Reelrun',
    ),
    h('div', { class: 'header-end' }, running, leave),
  );
}
