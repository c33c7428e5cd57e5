import { addTrack, changeTrack, deleteTrack, getVideo } from '../../api';
import { messageOf } from '../../problem';
import { playbackToken } from '../../playback-token';
import type { Track, Video } from '../../schema';
import { token } from '../../session';
import { iconButton } from '../../ui/button';
import { confirmed } from '../../ui/confirm';
import { h, replaceChildren, setHidden } from '../../ui/h';
import { icon } from '../../ui/icons';
import { toastError, toastInfo } from '../../ui/toast';
import { isSettled } from '../../video';
import { fieldsOf, KINDS, trackDialog, type TrackFields } from './dialog';
import { languageInName, languageName } from './language';

const MAX_BYTES = 10 * 2 ** 20;
const PAUSE_MS = 2_000;
/** A file that has not arrived by then was given up. */
const PATIENCE_MS = 5 * 60_000;

/** A video's subtitles, captions and chapters, as its owner sees and changes them. */
export class TracksPanel {
  readonly element: HTMLElement;
  readonly #list = h('ul', { class: 'track-list', 'data-testid': 'track-list' });
  #video: Video | undefined;
  #shown = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #followUntil = 0;

  constructor() {
    const input = h('input', {
      type: 'file',
      accept: '.srt,.vtt,text/vtt',
      class: 'visually-hidden',
      'data-testid': 'track-file',
      onchange: () => {
        const file = input.files?.[0];
        if (file) this.#add(file);
        input.value = '';
      },
    });
    const target = h(
      'label',
      { class: 'track-drop', 'data-testid': 'track-drop' },
      icon('upload'),
      h('span', {}, 'Drop a subtitle file here (WebVTT or SubRip), or choose one'),
      input,
    );
    takeDrops(target, (file) => this.#add(file));
    this.element = h(
      'section',
      { class: 'tracks', 'aria-labelledby': 'tracks-title', hidden: true, 'data-testid': 'tracks' },
      h('h2', { id: 'tracks-title' }, 'Subtitles and chapters'),
      this.#list,
      target,
    );
  }

  show(video: Video): void {
    const isOwner = playbackToken() === null && token() !== null;
    setHidden(this.element, !isOwner);
    if (!isOwner) return;
    this.#video = video;
    // An address that holds a token is another one each time.
    const tracks = video.tracks.map(({ url: _, ...lasting }) => lasting);
    const wanted = JSON.stringify([isSettled(video), tracks]);
    if (wanted !== this.#shown) {
      this.#shown = wanted;
      this.#followUntil = Date.now() + PATIENCE_MS;
      replaceChildren(this.#list, ...video.tracks.map((track) => this.#row(track)));
    }
    this.#lookAgain();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#video = undefined;
  }

  /** Until no track changes by itself any more. */
  #lookAgain(): void {
    clearTimeout(this.#timer);
    const isUnderWay = ({ status }: Track) => status === 'waiting' || status === 'preparing';
    const video = this.#video;
    // Until the video itself is ready, the page follows it anyway.
    if (!video || !isSettled(video) || !video.tracks.some(isUnderWay)) return;
    if (Date.now() > this.#followUntil) return;
    this.#timer = setTimeout(() => void this.#look(), PAUSE_MS);
  }

  async #look(): Promise<void> {
    try {
      if (!document.hidden) return await this.#refresh();
    } catch {
      // The next look may do.
    }
    this.#lookAgain();
  }

  async #refresh(): Promise<void> {
    if (!this.#video) return;
    const video = await getVideo(this.#video.id);
    // The page may have been left meanwhile.
    if (this.#video) this.show(video);
  }

  #row(track: Track): HTMLElement {
    const name = track.name ?? languageName(track.language, navigator.languages);
    return h(
      'li',
      { class: 'track', 'data-testid': 'track', 'data-status': track.status },
      h(
        'div',
        { class: 'track-text' },
        h('strong', {}, name),
        h('span', { class: 'track-facts' }, factsOf(track)),
        track.error && h('p', { class: 'field-error' }, track.error),
      ),
      track.status !== 'ready' &&
        h('span', { class: 'badge', 'data-status': track.status }, STATUS[track.status]),
      iconButton({
        icon: 'edit',
        label: `Change ${name}`,
        testid: 'track-edit',
        onclick: () => this.#edit(track),
      }),
      iconButton({
        icon: 'trash',
        label: `Delete ${name}`,
        testid: 'track-delete',
        onclick: () => void this.#delete(track, name),
      }),
    );
  }

  #add(file: File): void {
    const video = this.#video;
    if (!video) return;
    if (file.size === 0 || file.size > MAX_BYTES) {
      toastError(`${file.name} is ${file.size === 0 ? 'empty' : 'larger than 10 MB'}.`);
      return;
    }
    const fields: TrackFields = {
      kind: 'subtitles',
      language: languageInName(file.name),
      name: null,
      default: false,
      forced: false,
    };
    const save = async (given: TrackFields) => {
      await addTrack(video.id, given, file);
      toastInfo(
        `${file.name} was sent. Players show it within a minute of when the video is ready.`,
      );
      await this.#refresh();
    };
    trackDialog({ title: `Add “${file.name}”`, action: 'Add', fields, isNew: true, save });
  }

  #edit(track: Track): void {
    const video = this.#video;
    if (!video) return;
    const save = async ({ kind: _, ...change }: TrackFields) => {
      await changeTrack(video.id, track.id, change);
      await this.#refresh();
    };
    const fields = fieldsOf(track);
    trackDialog({
      title: `Change the ${KINDS[track.kind].toLowerCase()}`,
      action: 'Save',
      fields,
      isNew: false,
      save,
    });
  }

  async #delete(track: Track, name: string): Promise<void> {
    const video = this.#video;
    const sure = await confirmed({
      title: `Delete “${name}”?`,
      text: 'Players stop offering it within a minute. Its file is deleted, too.',
      action: 'Delete',
      testid: 'confirm-delete-track',
    });
    if (!sure || !video) return;
    try {
      await deleteTrack(video.id, track.id);
      await this.#refresh();
    } catch (why) {
      toastError(`“${name}” was not deleted. ${messageOf(why)}`);
    }
  }
}

const STATUS: Record<Exclude<Track['status'], 'ready'>, string> = {
  waiting: 'Waiting',
  preparing: 'Preparing',
  errored: 'Failed',
};

function factsOf(track: Track): string {
  const facts = [
    KINDS[track.kind],
    track.name !== null && languageName(track.language, navigator.languages),
    track.default && 'shown by default',
    track.forced && 'shown to all',
    track.source === 'embedded' ? 'from the video’s file' : track.filename,
  ];
  return facts.filter(Boolean).join(' · ');
}

/** Takes a file that is dropped here, so that the page does not take it for a video. */
function takeDrops(target: HTMLElement, take: (file: File) => void): void {
  const over = (event: DragEvent, isOver: boolean) => {
    event.preventDefault();
    event.stopPropagation();
    target.classList.toggle('over', isOver);
  };
  target.addEventListener('dragenter', (event) => over(event, true));
  target.addEventListener('dragover', (event) => over(event, true));
  target.addEventListener('dragleave', (event) => over(event, false));
  target.addEventListener('drop', (event) => {
    over(event, false);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}
