import type { MediaStorage } from 'vidstack';
import { browserStorage } from '../browser-storage';

const KEY = 'reelrun.volume';

/**
 * What the player asks for whenever a source is ready to play. The volume outlives the page. The
 * time is only that of the source before: this is how another source goes on where it was.
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

  getVolume = async () => this.#volume;
  getMuted = async () => this.#muted;
  getPlaybackRate = async () => this.#rate;
  getTime = async () => this.startAt;
  getLang = async () => null;
  getCaptions = async () => null;
  getVideoQuality = async () => null;
  getAudioGain = async () => null;

  async setVolume(volume: number): Promise<void> {
    this.#volume = volume;
    this.#save();
  }

  async setMuted(muted: boolean): Promise<void> {
    this.#muted = muted;
    this.#save();
  }

  async setPlaybackRate(rate: number): Promise<void> {
    this.#rate = rate;
  }

  #save(): void {
    browserStorage.setItem(KEY, JSON.stringify({ volume: this.#volume, muted: this.#muted }));
  }
}
