import type { MediaStorage } from 'vidstack';
import { browserStorage } from '../browser-storage';

const KEY = 'reelrun.volume';

/**
 * What the player asks for whenever a source is ready to play. The volume outlives the page. The
 * time is only that of the source before: this is how a new source continues where it was.
 */
export class PlayerStorage implements MediaStorage {
  #volume: number | null = null;
  #muted: boolean | null = null;
  #rate: number | null = null;
  startAt: number | null = null;

  constructor() {
    try {
      const saved = JSON.parse(browserStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
      if (typeof saved['volume'] === 'number') this.#volume = saved['volume'];
      if (typeof saved['muted'] === 'boolean') this.#muted = saved['muted'];
    } catch {
      browserStorage.removeItem(KEY);
    }
  }

  getVolume = () => Promise.resolve(this.#volume);
  getMuted = () => Promise.resolve(this.#muted);
  getPlaybackRate = () => Promise.resolve(this.#rate);
  getTime = () => Promise.resolve(this.startAt);
  getLang = () => Promise.resolve(null);
  getCaptions = () => Promise.resolve(null);
  getVideoQuality = () => Promise.resolve(null);
  getAudioGain = () => Promise.resolve(null);

  setVolume(volume: number): Promise<void> {
    this.#volume = volume;
    return this.#save();
  }

  setMuted(muted: boolean): Promise<void> {
    this.#muted = muted;
    return this.#save();
  }

  setPlaybackRate(rate: number): Promise<void> {
    this.#rate = rate;
    return Promise.resolve();
  }

  #save(): Promise<void> {
    browserStorage.setItem(KEY, JSON.stringify({ volume: this.#volume, muted: this.#muted }));
    return Promise.resolve();
  }
}
