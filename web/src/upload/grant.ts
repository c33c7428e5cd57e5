import type { createUpload, getVideo } from '../api';
import { ProblemError } from '../problem';
import { grantOf, type Grant, type Upload } from './upload';

export interface GrantApi {
  createUpload: typeof createUpload;
  getVideo: typeof getVideo;
}

/** Asks the server for the permission to upload a file. A repeated request gets the same video. */
export async function requestGrant(upload: Upload, api: GrantApi): Promise<Grant> {
  const { file, contentType, visibility } = upload;
  const request = {
    filename: file.name,
    content_type: contentType,
    size_bytes: file.size,
    visibility,
  };
  try {
    return grantOf(await api.createUpload(request, upload.idempotencyKey));
  } catch (why) {
    if (!(why instanceof ProblemError && why.status === 409)) throw why;
    // The source has arrived: the caller looks for that and takes it for a success.
    if (await hasArrived(upload, api)) throw why;
    // The video of the first attempt was deleted meanwhile.
    upload.idempotencyKey = crypto.randomUUID();
    return grantOf(await api.createUpload(request, upload.idempotencyKey));
  }
}

/** Whether the storage has the whole file, as the server sees it. */
export async function hasArrived({ grant }: Upload, api: GrantApi): Promise<boolean> {
  if (!grant) return false;
  return api.getVideo(grant.videoId).then(
    (video) => video.status !== 'waiting',
    () => false,
  );
}
