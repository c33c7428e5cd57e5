import { getVideo } from '../api';
import { percent } from '../format';
import { followVideo } from '../poll';
import { ProblemError } from '../problem';
import type { Video } from '../schema';
import { h, replaceChildren, setHidden, setText } from '../ui/h';
import { icon } from '../ui/icons';
import { isSettled, nameOf } from '../video';
import type { Page } from '../page';
import { videoFacts } from './facts';
import { noSuchVideo, notLoaded } from './notices';
import { PlayerStage } from './player-stage';
import { TracksPanel } from './tracks/panel';

/** One video with its facts. */
export function watchPage(id: string): Page {
  const stage = new PlayerStage();
  const title = h('h1', { class: 'watch-title', 'data-testid': 'watch-title', tabindex: '-1' });
  const status = h('p', { class: 'watch-status', 'data-testid': 'watch-status', hidden: true });
  const facts = h('div', {});
  const tracks = new TracksPanel();
  const content = h('div', { class: 'watch' }, stage.element, title, status, facts, tracks.element);
  const element = h(
    'div',
    {},
    h('a', { class: 'back', href: '/' }, icon('back'), 'Library'),
    content,
  );

  let shown = '';
  const show = (video: Video) => {
    stage.show(video);
    tracks.show(video);
    document.title = `${nameOf(video)} – Reelrun`;
    setText(title, nameOf(video));
    setText(status, statusOf(video));
    status.dataset['status'] = video.status;
    setHidden(status, !status.textContent);
    const { progress: _, ...lasting } = video;
    const wanted = JSON.stringify(lasting);
    if (wanted === shown) return;
    shown = wanted;
    replaceChildren(facts, videoFacts(video, changed));
  };
  let unfollow = () => {};
  const changed = (video: Video) => {
    show(video);
    unfollow();
    unfollow = followVideo(id, { changed: show, gone: unknown });
  };

  const unknown = () => {
    stage.stop();
    tracks.stop();
    document.title = 'Not found – Reelrun';
    const library = h('a', { class: 'button', href: '/' }, 'Go to the library');
    replaceChildren(content, noSuchVideo(library));
  };

  const stop = openVideo(id, show, unknown, (why, again) => {
    replaceChildren(facts, notLoaded(why, again));
  });

  return {
    element,
    title: 'Reelrun',
    stop: () => {
      stop();
      unfollow();
      stage.stop();
      tracks.stop();
    },
  };
}

/** What a viewer cannot see in the player itself; empty if there is nothing to say. */
function statusOf({ status, progress, playback, error }: Video): string {
  if (status === 'preparing' && playback.type === 'original') {
    return `Converting · ${percent(progress)}. Playing the original file until then.`;
  }
  if (status === 'preparing' && playback.type === 'hls_partial') {
    return `Converting · ${percent(progress)}. You can already watch what is done.`;
  }
  if (status === 'preparing') return `Converting · ${percent(progress)}`;
  if (status === 'waiting') return 'Waiting for the upload';
  if (status === 'errored') {
    // Where nothing plays, the reason has its place.
    return error && playback.type ? `${error.title}. ${error.detail}` : 'Conversion failed';
  }
  return '';
}

/** Loads a video, then follows it as long as it changes. */
export function openVideo(
  id: string,
  show: (video: Video) => void,
  unknown: () => void,
  failed: (why: unknown, again: () => void) => void,
): () => void {
  let stopped = false;
  let unfollow = () => {};
  const open = async () => {
    try {
      const video = await getVideo(id);
      if (stopped) return;
      show(video);
      if (!isSettled(video)) unfollow = followVideo(id, { changed: show, gone: unknown });
    } catch (why) {
      if (stopped) return;
      if (why instanceof ProblemError && (why.status === 404 || why.status === 400)) unknown();
      else failed(why, () => void open());
    }
  };
  void open();
  return () => {
    stopped = true;
    unfollow();
  };
}
