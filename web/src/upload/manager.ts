import * as api from '../api';
import { Emitter } from '../emitter';
import { messageOf } from '../problem';
import type { Limits, Visibility } from '../schema';
import { h } from '../ui/h';
import { toastError, toastInfo } from '../ui/toast';
import { admit } from './admission';
import { ResumeStore, type ResumableUpload } from './resume-store';
import { Upload } from './upload';
import { lockedUploads, lockUpload } from './upload-lock';
import type { Services, Uploader } from './uploader';

/** The uploads of this tab, in the order in which they were added. */
export const uploads: Upload[] = [];

/** An upload was added, taken off the list, or changed. */
export const uploadsChanged = new Emitter<void>();
export const uploadAdded = new Emitter<Upload>();

export const resumeStore = new ResumeStore();

let chosenVisibility: Visibility | undefined;

/** Who may watch what is added from now on. */
export function chooseVisibility(visibility: Visibility): void {
  chosenVisibility = visibility;
}

let uploader: Promise<Uploader> | undefined;

/** Uppy comes with the first file: whoever only watches videos does not load it. */
export function withUploader(): Promise<Uploader> {
  uploader ??= loadUploader().catch((why: unknown) => {
    uploader = undefined;
    throw why;
  });
  return uploader;
}

async function loadUploader(): Promise<Uploader> {
  const [{ Uploader }, { UppyTransport }] = await Promise.all([
    import('./uploader'),
    import('./uppy-transport'),
  ]);
  const transport: Services['transport'] = (events) => new UppyTransport(events);
  const loaded = new Uploader({ api, resumeStore, transport, lock: lockUpload });
  window.addEventListener('online', () => loaded.retryWaiting());
  return loaded;
}

let limits: Promise<Limits> | undefined;

export function uploadLimits(): Promise<Limits> {
  limits ??= api.getLimits().catch((why: unknown) => {
    limits = undefined;
    throw why;
  });
  return limits;
}

let adding = Promise.resolve();

/** One call after the other, so that each file is compared with those before it. */
export function addFiles(files: File[]): Promise<void> {
  adding = adding.then(() => addAll(files));
  return adding;
}

async function addAll(files: File[]): Promise<void> {
  const refusals: Refusal[] = [];
  try {
    const [engine, limits] = await Promise.all([withUploader(), uploadLimits()]);
    for (const file of files) {
      const why = await addFile(file, engine, limits);
      if (why !== null) refusals.push({ name: file.name, why });
    }
  } catch (why) {
    toastError(`The files were not added. ${messageOf(why)}`);
  }
  if (refusals.length > 0) tellRefused(refusals);
}

/** Returns why it was not added; null if it was. */
async function addFile(file: File, engine: Uploader, limits: Limits): Promise<string | null> {
  const resumable = [...(await resumableUploads()), ...resumableHere()];
  const admission = await admit(file, { limits, uploads, resumable });
  if (admission.kind === 'refused') return admission.why;
  const interrupted = admission.kind === 'resume' ? admission.interrupted : undefined;
  replaceDead(file.name, engine, interrupted);
  const upload = new Upload(
    file,
    admission.contentType,
    chosenVisibility ?? limits.default_visibility,
  );
  if (!engine.add(upload, interrupted)) return 'It is already in the list of uploads.';
  if (admission.kind === 'new' && admission.hasChanged) {
    toastInfo(
      `${file.name} has changed since its upload was interrupted, so it is uploaded from the start.`,
    );
  }
  uploads.push(upload);
  upload.changed.on(() => uploadsChanged.emit());
  uploadAdded.emit(upload);
  uploadsChanged.emit();
  return null;
}

/** A file that is chosen again replaces its upload that could not continue. */
function replaceDead(
  name: string,
  engine: Uploader,
  interrupted: ResumableUpload | undefined,
): void {
  for (const dead of uploads.filter((upload) => upload.isDead && upload.file.name === name)) {
    if (interrupted && interrupted.videoId === dead.grant?.videoId) engine.detach(dead);
    // What this leaves on the server is cleaned up there when the permission is over.
    else engine.cancel(dead).catch(() => undefined);
  }
}

export function takeOff(upload: Upload): void {
  const index = uploads.indexOf(upload);
  if (index >= 0) uploads.splice(index, 1);
  uploadsChanged.emit();
}

/** Uploads that a reload or a crash stopped; not those of this tab or another one. */
export async function resumableUploads(): Promise<ResumableUpload[]> {
  const locked = await lockedUploads();
  const here = new Set(uploads.map((upload) => upload.grant?.videoId));
  return resumeStore.list().filter(({ videoId }) => !here.has(videoId) && !locked.has(videoId));
}

/** Uploads of this tab that wait for their file, as one that was unplugged. */
function resumableHere(): ResumableUpload[] {
  const dead = uploads.filter((upload) => upload.isDead);
  const here = new Set(dead.map((upload) => upload.grant?.videoId));
  return resumeStore.list().filter(({ videoId }) => here.has(videoId));
}

interface Refusal {
  name: string;
  why: string;
}

/** One message for all of them, however many. */
function tellRefused(refusals: Refusal[]): void {
  const lines = refusals.map(({ name, why }) => h('li', {}, h('strong', {}, name), ` ${why}`));
  const title = refusals.length === 1 ? 'Not uploaded' : `${refusals.length} files not uploaded`;
  toastError(h('p', {}, title), h('ul', {}, ...lines));
}

window.addEventListener('beforeunload', (event) => {
  if (uploads.some((upload) => upload.isOpen)) event.preventDefault();
});
