import { deleteVideo, renameVideo } from '../api';
import { ago, duration, exactTime, percent, size } from '../format';
import { followVideo } from '../poll';
import { messageOf } from '../problem';
import type { Status, Video } from '../schema';
import { iconButton, relabel } from '../ui/button';
import { confirmed } from '../ui/confirm';
import { copyText } from '../ui/copy';
import { h, replaceChildren, setHidden, setText } from '../ui/h';
import { icon } from '../ui/icons';
import { toastError, toastInfo } from '../ui/toast';
import { isSettled, nameOf, watchPath, watchUrl } from '../video';
import { videoRemoved } from '../videos';
import { shareDialog } from '../watch/share';
import { renameForm } from './rename';

const BADGES: Record<Status, string> = {
  waiting: 'Waiting',
  preparing: 'Converting',
  ready: 'Ready',
  errored: 'Failed',
};

export interface Card {
  element: HTMLElement;
  update: (video: Video) => void;
  /** Takes it off the page, and stops asking for its video. */
  destroy: () => void;
}

/** One video of the library. */
export function videoCard(first: Video): Card {
  let video = first;
  const path = watchPath(video.id);

  const thumb = h('a', { class: 'card-thumb', href: path, tabindex: '-1', 'aria-hidden': 'true' });
  const title = h('a', { class: 'card-title', href: path, 'data-testid': 'card-title' });
  const heading = h('h3', {}, title);
  const badge = h('span', { class: 'badge' });
  const lock = h(
    'span',
    { class: 'badge', hidden: true, 'data-testid': 'card-private' },
    icon('lock'),
    'Private',
  );
  const bar = h('progress', { max: 1, class: 'card-progress' });
  const created = h('time', {});
  const facts = h('span', {});

  const rename = iconButton({
    icon: 'edit',
    label: '',
    testid: 'card-rename',
    onclick: () => {
      const form = renameForm(video.title ?? '', video.filename, save, () => {
        form.replaceWith(heading);
        rename.focus();
      });
      heading.replaceWith(form);
      form.querySelector('input')?.select();
    },
  });
  const save = async (value: string) => {
    update(await renameVideo(video.id, value || null));
  };
  const copy = iconButton({
    icon: 'link',
    label: '',
    testid: 'card-copy',
    onclick: () => {
      // The address alone opens nothing.
      if (video.visibility === 'private') shareDialog(video);
      else void copyText(watchUrl(video.id), 'Link');
    },
  });
  const remove = iconButton({
    icon: 'trash',
    label: '',
    testid: 'card-delete',
    onclick: () => void askAndDelete(),
  });
  const askAndDelete = async () => {
    const name = nameOf(video);
    const sure = await confirmed({
      title: `Delete “${name}”?`,
      text: 'This deletes the video and everything made from it. Links to it stop working. This cannot be undone.',
      action: 'Delete',
      testid: 'confirm-delete',
    });
    if (!sure) return;
    remove.disabled = true;
    try {
      await deleteVideo(video.id);
      toastInfo(`“${name}” was deleted.`);
      videoRemoved.emit(video.id);
    } catch (why) {
      remove.disabled = false;
      toastError(`“${name}” was not deleted. ${messageOf(why)}`);
    }
  };

  const element = h(
    'li',
    { class: 'card', 'data-testid': 'library-card', 'data-id': video.id },
    thumb,
    h(
      'div',
      { class: 'card-body' },
      heading,
      h('p', { class: 'card-facts' }, created, facts),
      h(
        'div',
        { class: 'card-foot' },
        badge,
        lock,
        h('div', { class: 'card-actions' }, rename, copy, remove),
      ),
      bar,
    ),
  );

  let picture: string | undefined;
  const showThumb = () => {
    const { playback, status, source } = video;
    const wanted = `${status} ${playback.poster} ${source?.duration_ms}`;
    if (wanted === picture) return;
    picture = wanted;
    const poster =
      playback.poster &&
      h('img', { src: playback.poster, alt: '', loading: 'lazy', decoding: 'async' });
    // A poster that does not load leaves the placeholder that is behind it.
    if (poster) poster.addEventListener('error', () => poster.remove());
    replaceChildren(
      thumb,
      icon(status === 'errored' ? 'alert' : status === 'ready' ? 'film' : 'clock'),
      poster,
      source && h('span', { class: 'card-duration' }, duration(source.duration_ms)),
    );
  };

  const update = (next: Video) => {
    video = next;
    const name = nameOf(video);
    element.dataset['status'] = video.status;
    setText(title, name);
    title.title = name;
    relabel(rename, `Rename ${name}`);
    const isPrivate = video.visibility === 'private';
    setHidden(lock, !isPrivate);
    relabel(copy, isPrivate ? `Create a link to ${name}` : `Copy the link to ${name}`);
    relabel(remove, `Delete ${name}`);
    const converting = video.status === 'preparing';
    badge.dataset['status'] = video.status;
    setText(
      badge,
      converting ? `${BADGES.preparing} ${percent(video.progress)}` : BADGES[video.status],
    );
    badge.title = hint(video);
    setHidden(bar, !converting);
    bar.value = video.progress;
    bar.setAttribute('aria-label', `Conversion of ${name}`);
    const time = new Date(video.created_at);
    created.dateTime = video.created_at;
    created.title = exactTime(time);
    setText(created, ago(time, new Date()));
    setText(facts, video.source ? ` · ${size(video.source.size_bytes)}` : '');
    showThumb();
  };

  let unfollow = () => {};
  update(video);
  if (!isSettled(video)) {
    unfollow = followVideo(video.id, {
      changed: update,
      gone: () => videoRemoved.emit(video.id),
    });
  }
  return {
    element,
    update,
    destroy: () => {
      unfollow();
      element.remove();
    },
  };
}

function hint({ status, error }: Video): string {
  if (status === 'waiting') return 'The upload has not finished';
  return error ? `${error.title}: ${error.detail}` : '';
}
