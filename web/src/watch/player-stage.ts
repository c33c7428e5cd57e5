import { getVideo } from '../api';
import { percent } from '../format';
import { isExpired, playbackToken, tokenIn } from '../playback-token';
import { ProblemError } from '../problem';
import type { Playback, Video } from '../schema';
import { h, replaceChildren, setText } from '../ui/h';
import { notice } from '../ui/notice';
import { toastError } from '../ui/toast';
import { expiredLink, noSuchVideo } from './notices';
import type { Player } from './player';

/** Where the video plays, or where it says why it does not yet. */
export class PlayerStage {
  readonly element = h('div', { class: 'stage' });
  #player: Player | undefined;
  #loading = false;
  #stopped = false;
  #video: Video | undefined;
  /** Where the last player stopped, in seconds. */
  #position: number | null = null;
  /** The kind of source that this browser cannot play. */
  #unplayable: Playback['type'] = null;
  readonly #words = h('p', {});
  readonly #bar = h('progress', { max: 1, 'aria-label': 'Conversion' });

  show(video: Video): void {
    this.#video = video;
    const { type } = video.playback;
    if (type && type !== this.#unplayable) this.#play(video);
    else this.#explain(video);
  }

  stop(): void {
    this.#stopped = true;
    this.#player?.destroy();
  }

  #play(video: Video): void {
    if (this.#player) {
      if (!this.element.contains(this.#player.element)) {
        replaceChildren(this.element, this.#player.element);
      }
      this.#player.show(video);
      return;
    }
    if (!this.element.hasChildNodes()) this.element.append(h('div', { class: 'stage-blank' }));
    void this.#load();
  }

  /** The player is the largest part of the page: it is loaded where there is something to play. */
  async #load(): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    try {
      const { createPlayer } = await import('./player');
      if (this.#stopped) return;
      this.#player = createPlayer((type) => this.#failed(type), this.#position);
      if (this.#video) this.show(this.#video);
    } catch {
      toastError('The player could not be loaded. Check the connection, then reload the page.');
    } finally {
      this.#loading = false;
    }
  }

  #failed(type: Playback['type']): void {
    const video = this.#video;
    if (!video || video.playback.type !== type) return;
    this.#drop(type);
    if (type !== 'hls') {
      // What it is converted to appears when it is ready.
      this.#explain(video);
      return;
    }
    void this.#renew(video);
  }

  #cannotPlay(video: Video): void {
    const again = () => {
      this.#unplayable = null;
      this.show(video);
    };
    replaceChildren(
      this.element,
      notice(
        {
          icon: 'alert',
          title: 'The video cannot be played right now',
          text: 'The connection may be broken, or this browser may not support the video.',
        },
        h('button', { type: 'button', class: 'button', onclick: again }, 'Try again'),
      ),
    );
  }

  /**
   * There may be other addresses by now: those of a private video have had their time, and its owner gets
   * others; or the video has become public, or private.
   */
  async #renew(video: Video): Promise<void> {
    const token = video.playback.url && tokenIn(video.playback.url);
    const hadItsTime = !!token && isExpired(token, new Date());
    if (hadItsTime && playbackToken() !== null) {
      replaceChildren(this.element, expiredLink());
      return;
    }
    let renewed: Video | null = null;
    let isGone = false;
    try {
      renewed = await getVideo(video.id);
    } catch (why) {
      isGone = why instanceof ProblemError && why.status === 404;
    }
    if (this.#stopped) return;
    if (isGone) {
      replaceChildren(this.element, noSuchVideo());
    } else if (renewed && renewed.playback.url !== video.playback.url) {
      this.#unplayable = null;
      this.show(renewed);
    } else if (hadItsTime) {
      replaceChildren(this.element, expiredLink());
    } else {
      this.#cannotPlay(video);
    }
  }

  #drop(type: Playback['type']): void {
    this.#unplayable = type;
    // One failure may be told more than once.
    if (this.#player) this.#position = this.#player.position || null;
    this.#player?.destroy();
    this.#player = undefined;
    replaceChildren(this.element);
  }

  #explain(video: Video): void {
    if (video.status === 'errored') {
      const { title, detail } = video.error ?? {
        title: 'The video could not be converted',
        detail: 'Upload it again, or upload another file.',
      };
      replaceChildren(this.element, notice({ icon: 'alert', title, text: detail }));
    } else if (video.status === 'waiting') {
      replaceChildren(
        this.element,
        notice({
          icon: 'clock',
          title: 'Waiting for the upload',
          text: 'The file has not arrived yet. The video appears here as soon as it has.',
        }),
      );
    } else if (video.status === 'preparing') {
      this.#bar.value = video.progress;
      setText(
        this.#words,
        `${percent(video.progress)} done. The video appears here when it is ready.`,
      );
      if (this.element.contains(this.#bar)) return;
      const panel = notice({ icon: 'clock', title: 'The video is being converted', text: '' });
      panel.querySelector('p')?.replaceWith(this.#words, this.#bar);
      replaceChildren(this.element, panel);
    }
  }
}
