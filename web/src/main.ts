import './styles/base.css';
import './styles/controls.css';
import './styles/upload.css';
import './styles/library.css';
import './styles/watch.css';
import { header } from './header';
import { library } from './library/library';
import type { Page } from './page';
import { navigate, startRouter } from './router';
import { mountAnnouncer } from './ui/announce';
import { h } from './ui/h';
import { notice } from './ui/notice';
import { mountToasts } from './ui/toast';
import { onDrop } from './upload/drop';
import { addFiles } from './upload/manager';
import { uploadPanel, type UploadPanel } from './upload/panel';
import { embedPage } from './watch/embed';
import { watchPage } from './watch/watch';

let panel: UploadPanel | undefined;

function homePage(): Page {
  panel ??= uploadPanel();
  const { element: videos, stop } = library(panel.choose);
  return { element: h('div', {}, panel.element, videos), title: 'Reelrun', stop };
}

const notFoundPage = (): Page => ({
  element: notice(
    {
      icon: 'film',
      level: 1,
      title: 'Page not found',
      text: 'Check the address for typos.',
    },
    h('a', { class: 'button', href: '/' }, 'Go to the library'),
  ),
  title: 'Not found – Reelrun',
  stop: () => {},
});

function open(path: string): Page {
  if (path === '/' || path === '/index.html') return homePage();
  const [, kind, id] = /^\/(watch|embed)\/([^/]+)\/?$/.exec(path) ?? [];
  if (kind === undefined || id === undefined) return notFoundPage();
  return kind === 'watch' ? watchPage(decoded(id)) : embedPage(decoded(id));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const main = h('main', { tabindex: '-1' });
const head = header();
const app = document.querySelector('#app') ?? document.body;
app.append(head, main);
mountToasts(document.body);
mountAnnouncer(document.body);
startRouter(main, open, (page) => {
  document.body.classList.toggle('bare', page.bare === true);
});
if (!document.body.classList.contains('bare')) {
  onDrop(
    (files) => {
      navigate('/');
      void addFiles(files);
    },
    (isOver) => document.body.classList.toggle('drop-over', isOver),
  );
}
