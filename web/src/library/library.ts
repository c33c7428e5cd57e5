import { getVideo, listVideos, signIn } from '../api';
import { messageOf, SignedOutError } from '../problem';
import type { Status, Video, VideoList } from '../schema';
import { signedInChanged } from '../session';
import { announce } from '../ui/announce';
import { h, replaceChildren, setHidden } from '../ui/h';
import { notice } from '../ui/notice';
import { toastError } from '../ui/toast';
import { videoCreated, videoRemoved } from '../videos';
import { videoCard, type Card } from './card';

const PAGE = 24;

const FILTERS: [string, string][] = [
  ['', 'All videos'],
  ['ready', 'Ready'],
  ['preparing', 'Converting'],
  ['waiting', 'Waiting'],
  ['errored', 'Failed'],
];

/** All videos of the deployment, newest first. Returns what to show and how to stop. */
export function library(choose: () => void): { element: HTMLElement; stop: () => void } {
  const cards = new Map<string, Card>();
  let cursor: string | null = null;
  /** Counts the lists that were started: an answer for an earlier one is too late. */
  let list = 0;

  const filter = h(
    'select',
    {
      id: 'status-filter',
      'data-testid': 'status-filter',
      onchange: () => void start(),
    },
    ...FILTERS.map(([value, label]) => h('option', { value }, label)),
  );
  const grid = h('ul', { class: 'cards', 'aria-label': 'Videos' });
  const message = h('div', {});
  const more = h(
    'button',
    {
      type: 'button',
      class: 'button',
      hidden: true,
      'data-testid': 'load-more',
      onclick: () => void loadMore(),
    },
    'Load more',
  );
  const element = h(
    'section',
    { class: 'library', 'aria-labelledby': 'library-title' },
    h(
      'div',
      { class: 'library-head' },
      h('h2', { id: 'library-title' }, 'Library'),
      h('label', { for: 'status-filter', class: 'visually-hidden' }, 'Show'),
      filter,
    ),
    grid,
    message,
    h('div', { class: 'library-more' }, more),
  );

  const status = () => (filter.value || null) as Status | null;

  /** A page may be empty although others follow it. */
  const nextPage = async (from: string | null): Promise<VideoList> => {
    let page = await listVideos({ limit: PAGE, cursor: from, status: status() });
    while (page.videos.length === 0 && page.next_cursor) {
      page = await listVideos({ limit: PAGE, cursor: page.next_cursor, status: status() });
    }
    return page;
  };

  const clear = () => {
    for (const card of cards.values()) card.destroy();
    cards.clear();
    replaceChildren(grid);
    replaceChildren(message);
  };

  const put = (video: Video, where: 'append' | 'prepend') => {
    const known = cards.get(video.id);
    if (known) return known.update(video);
    const card = videoCard(video);
    cards.set(video.id, card);
    grid[where](card.element);
  };

  const showPage = (page: VideoList) => {
    for (const video of page.videos) put(video, 'append');
    cursor = page.next_cursor;
    setHidden(more, cursor === null);
  };

  const start = async () => {
    const current = ++list;
    clear();
    more.hidden = true;
    grid.setAttribute('aria-busy', 'true');
    grid.append(...Array.from({ length: 6 }, skeleton));
    try {
      const page = await nextPage(null);
      if (current !== list) return;
      clear();
      showPage(page);
      showEmpty();
    } catch (why) {
      if (current !== list) return;
      clear();
      showFailure(why);
    } finally {
      if (current === list) grid.removeAttribute('aria-busy');
    }
  };

  const loadMore = async () => {
    const current = list;
    const before = cards.size;
    more.disabled = true;
    try {
      const page = await nextPage(cursor);
      if (current !== list) return;
      showPage(page);
      announce(`${cards.size - before} more videos`);
      const first = page.videos[0];
      const card = first && cards.get(first.id);
      card?.element.querySelector<HTMLElement>('.card-title')?.focus();
    } catch (why) {
      toastError(`More videos could not be loaded. ${messageOf(why)}`);
    } finally {
      more.disabled = false;
    }
  };

  const showEmpty = () => {
    replaceChildren(message);
    if (cards.size > 0) return;
    if (status()) {
      const all = () => {
        filter.value = '';
        void start();
      };
      message.append(
        notice(
          {
            icon: 'film',
            title: 'Nothing here',
            text: 'No video has this status.',
            testid: 'empty-state',
          },
          h('button', { type: 'button', class: 'button', onclick: all }, 'Show all videos'),
        ),
      );
      return;
    }
    message.append(
      notice(
        {
          icon: 'film',
          title: 'No videos yet',
          text: 'Drop a video above. You can share its link as soon as it is uploaded.',
          testid: 'empty-state',
        },
        h('button', { type: 'button', class: 'button', onclick: choose }, 'Choose files'),
      ),
    );
  };

  const showFailure = (why: unknown) => {
    const signedOut = why instanceof SignedOutError;
    const again = () => {
      // Once signed in, the list starts by itself.
      if (signedOut) signIn().catch(() => {});
      else void start();
    };
    message.append(
      notice(
        {
          icon: signedOut ? 'film' : 'alert',
          title: signedOut ? 'Sign in to see the library' : 'The library could not be loaded',
          text: signedOut
            ? 'Listing videos needs the API token. Links to individual videos work without it.'
            : messageOf(why),
        },
        h(
          'button',
          { type: 'button', class: 'button', onclick: again },
          signedOut ? 'Sign in' : 'Try again',
        ),
      ),
    );
  };

  const stops = [
    signedInChanged.on((signedIn) => {
      if (!signedIn) {
        list += 1;
        clear();
        grid.removeAttribute('aria-busy');
        more.hidden = true;
        showFailure(new SignedOutError());
      } else if (cards.size === 0 && !grid.hasAttribute('aria-busy')) {
        void start();
      }
    }),
    videoCreated.on((id) => {
      if (status() && status() !== 'waiting') return;
      const current = list;
      getVideo(id).then(
        (video) => {
          if (current !== list) return;
          put(video, 'prepend');
          showEmpty();
        },
        // It comes with the next list.
        () => {},
      );
    }),
    videoRemoved.on((id) => {
      const card = cards.get(id);
      if (!card) return;
      const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
      const focused = card.element.contains(document.activeElement);
      card.destroy();
      cards.delete(id);
      if (focused) next?.querySelector<HTMLElement>('.card-title')?.focus();
      if (cursor === null) showEmpty();
      else if (cards.size === 0) void loadMore();
    }),
  ];

  void start();
  return {
    element,
    stop: () => {
      list += 1;
      clear();
      for (const stop of stops) stop();
    },
  };
}

const skeleton = (): HTMLElement =>
  h(
    'li',
    { class: 'card skeleton', 'aria-hidden': 'true' },
    h('div', { class: 'card-thumb' }),
    h('div', { class: 'card-body' }, h('span', {}), h('span', {})),
  );
