import { Emitter } from './emitter';

/** What this page itself did to the videos, for the parts of it that show them. */
export const videoCreated = new Emitter<string>();
export const videoRemoved = new Emitter<string>();
