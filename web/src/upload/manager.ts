import { getLimits } from '../api';
import { Emitter } from '../emitter';
import { messageOf } from '../problem';
import type { Limits } from '../schema';
import { h } from '../ui/h';
import { toastError } from '../ui/toast';
import { check } from './accept';
import { running } from './lock';
import { fingerprintOf, remembered, type Remembered } from './remembered';
import { Upload } from './upload';
import type { Uploader } from './uploader';

/** The uploads of this tab, in the order in which they were added. */
export const uploads: Upload[] = [];

/** An upload was added, taken off the list, or changed. */
export const uploadsChanged = new Emitter<void>();
export const uploadAdded = new Emitter<Upload>();

let uploader: Promise<Uploader> | undefined;

/** Uppy comes with the first file: who only looks at videos does not load it. */
export function withUploader(): Promise<Uploader> {
  uploader ??= import('./uploader')
    .then((module) => new module.Uploader())
    .catch((why: unknown) => {
      uploader = undefined;
      throw why;
    });
  return uploader;
}

let limits: Promise<Limits> | undefined;

export function uploadLimits(): Promise<Limits> {
  limits ??= getLimits().catch((why: unknown) => {
    limits = undefined;
    throw why;
  });
  return limits;
}

export async function addFiles(files: File[]): Promise<void> {
  let engine: Uploader;
  let known: Limits;
  try {
    [engine, known] = await Promise.all([withUploader(), uploadLimits()]);
  } catch (why) {
    toastError(`The files were not added. ${messageOf(why)}`);
    return;
  }
  const resumable = await interrupted();
  const refusals: { name: string; why: string }[] = [];
  for (const file of files) {
    const checked = check(file, known);
    if ('refused' in checked) {
      refusals.push({ name: file.name, why: checked.refused });
      continue;
    }
    const upload = new Upload(file, checked.contentType);
    const earlier = resumable.find((entry) => entry.fingerprint === fingerprintOf(file));
    if (!engine.add(upload, earlier)) {
      refusals.push({ name: file.name, why: 'It is already in the list of uploads.' });
      continue;
    }
    uploads.push(upload);
    upload.changed.on(() => uploadsChanged.emit());
    uploadAdded.emit(upload);
    uploadsChanged.emit();
  }
  if (refusals.length > 0) tellRefused(refusals);
}

export function takeOff(upload: Upload): void {
  const index = uploads.indexOf(upload);
  if (index >= 0) uploads.splice(index, 1);
  uploadsChanged.emit();
}

/** Uploads that a reload or a crash stopped; not those that run in another tab. */
export async function interrupted(): Promise<Remembered[]> {
  const held = await running();
  const here = new Set(uploads.map((upload) => upload.session?.videoId));
  return remembered().filter(({ videoId }) => !held.has(videoId) && !here.has(videoId));
}

/** One message for all of them, however many. */
function tellRefused(refusals: { name: string; why: string }[]): void {
  const lines = refusals.map(({ name, why }) => h('li', {}, h('strong', {}, name), ` ${why}`));
  const title = refusals.length === 1 ? 'Not uploaded' : `${refusals.length} files not uploaded`;
  toastError(h('p', {}, title), h('ul', {}, ...lines));
}

window.addEventListener('beforeunload', (event) => {
  if (uploads.some((upload) => upload.isOpen)) event.preventDefault();
});
