import 'vidstack/player';
import 'vidstack/player/layouts/default';
import 'vidstack/player/ui';
import 'vidstack/player/styles/default/theme.css';
import 'vidstack/player/styles/default/layouts/video.css';
import { isHLSProvider, type HLSProvider } from 'vidstack';
import type { MediaPlayerElement } from 'vidstack/elements';
import type { Playback, Video } from '../schema';
import { nameOf, shapeOf } from '../video';
import { retryPolicies } from './hls-retry';
import { PlayerStorage } from './player-storage';

export interface Player {
  element: HTMLElement;
  /** Seconds into what plays. */
  readonly position: number;
  /** Plays what there is now. A new source continues where the one before it was. */
  show: (video: Video) => void;
  destroy: () => void;
}

/** So many faults of decoding in a source are got over before it counts as one that cannot be played. */
const FAULTS = 3;

/**
 * The player; `failed` is told when a source cannot be played. It begins at `startAt` (seconds),
 * where an earlier one stopped.
 */
export function createPlayer(
  failed: (type: Playback['type']) => void,
  startAt: number | null,
): Player {
  const storage = new PlayerStorage();
  storage.startAt = startAt;
  let faults = 0;
  let isAudioOnly = false;
  const player = document.createElement('media-player');
  const layout = document.createElement('media-video-layout');
  let playing: Playback['type'] = null;
  let hls: HLSProvider | null = null;

  player.className = 'player';
  player.dataset['testid'] = 'watch-player';
  player.playsInline = true;
  player.load = 'eager';
  player.viewType = 'video';
  player.streamType = 'on-demand';
  player.keyTarget = 'document';
  player.storage = storage;
  player.append(document.createElement('media-provider'), layout);

  player.addEventListener('provider-change', ({ detail: provider }) => {
    hls = isHLSProvider(provider) ? provider : null;
    if (!isHLSProvider(provider)) return;
    // By default it would be loaded from a CDN, which the page's policy forbids.
    provider.library = () => import('hls.js');
    provider.config = {
      ...retryPolicies,
      // The first segment that is loaded is the one that is going to be shown.
      startPosition: startPosition(playing, storage.startAt),
    };
  });
  player.addEventListener('error', () => failed(playing));
  // Vidstack puts a file's address into a <source>, whose errors neither bubble nor reach it.
  const sourceFailed = ({ target }: Event) => {
    if (playing === 'original' && target instanceof HTMLSourceElement) failed(playing);
  };
  player.addEventListener('error', sourceFailed, { capture: true });
  player.addEventListener('can-play', () => {
    // A browser that knows only a file's sound plays that without a word about the picture.
    const hasPicture = player.querySelector('video')?.videoWidth !== 0;
    if (playing === 'original' && !hasPicture && !isAudioOnly) failed(playing);
  });
  player.addEventListener('hls-error', ({ detail }) => {
    // It is not there any more, or not for this token: hls.js would look for another rendition, and
    // another one, for ever.
    if (detail.response?.code === 403) return failed(playing);
    if (!detail.fatal) return;
    const type: string = detail.type;
    // Vidstack then has hls.js begin again with the decoder.
    if (type === 'mediaError' && ++faults < FAULTS) return;
    failed(playing);
  });

  const show = (video: Video) => {
    const { type, url, poster, storyboard } = video.playback;
    player.title = nameOf(video);
    if (poster) player.poster = poster;
    isAudioOnly = video.audio_only;
    player.classList.toggle('audio-only', isAudioOnly);
    // It stands for the picture all the time.
    if (poster && isAudioOnly) {
      player.style.setProperty('--poster', `url(${JSON.stringify(poster)})`);
    }
    if (storyboard) layout.thumbnails = storyboard;
    if (video.source) {
      const { width, height } = shapeOf(video);
      player.style.setProperty('--ratio', `${width} / ${height}`);
    }
    showChapters(player, video);
    if (!type || !url || type === playing) return;
    const goOn = playing !== null && player.state.started;
    const still = goOn ? coverWithStill(player) : undefined;
    if (playing !== null) storage.startAt = goOn ? player.currentTime : null;
    player.autoPlay = goOn && !player.paused;
    playing = type;
    // From one playlist to another, it is the same hls.js that plays.
    const config = hls?.instance?.config;
    if (config) config.startPosition = startPosition(type, storage.startAt);
    // Told outright: an original's address need not end in what it is.
    player.src = { src: url, type: type === 'original' ? 'video/mp4' : 'application/x-mpegurl' };
    if (still) player.addEventListener('seeked', () => still.remove(), { once: true });
  };

  return {
    element: player,
    get position() {
      return player.currentTime;
    },
    show,
    destroy: () => player.destroy(),
  };
}

/** Where hls.js begins, in seconds. By itself, it begins what still grows near its end, as if it were live. */
function startPosition(type: Playback['type'], startAt: number | null): number {
  return startAt ?? (type === 'hls_partial' ? 0 : -1);
}

/** Of subtitles the master playlist tells; chapters are named there for Apple's players alone. */
function showChapters(player: MediaPlayerElement, video: Video): void {
  const ready = video.tracks.filter(({ kind, url }) => kind === 'chapters' && url !== null);
  const chapters = ready.find((track) => track.default) ?? ready[0];
  const isShown = player.textTracks.toArray().some(({ src }) => src === chapters?.url);
  if (!chapters?.url || isShown) return;
  const { url, language } = chapters;
  player.textTracks.add({ kind: 'chapters', type: 'vtt', src: url, language, default: true });
}

/** The picture at which one source stops, until the next one shows the same. */
function coverWithStill(player: MediaPlayerElement): HTMLElement | undefined {
  const video = player.querySelector('video');
  if (!video?.videoWidth) return undefined;
  const still = document.createElement('canvas');
  still.className = 'player-still';
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext('2d')?.drawImage(video, 0, 0);
  player.append(still);
  // Should the next source not get there, the viewer must see why.
  setTimeout(() => still.remove(), 5_000);
  return still;
}
