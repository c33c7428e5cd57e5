import { deleteVideo, sign } from '../api';
import { videoRemoved } from '../videos';
import { forget } from './remembered';

interface Started {
  videoId: string;
  key: string;
  uploadToken: string;
  signUrl: string;
  uploadId: string | null;
}

/**
 * Gives up an upload that was started. The parts are dropped first: no request is signed for a
 * video that is deleted. What fails here is cleaned up on the server when the permission is over.
 */
export async function release(upload: Started): Promise<void> {
  forget(upload.videoId);
  try {
    if (upload.uploadId) await abort(upload, upload.uploadId);
  } finally {
    await deleteVideo(upload.videoId);
    videoRemoved.emit(upload.videoId);
  }
}

async function abort({ key, signUrl, uploadToken }: Started, uploadId: string): Promise<void> {
  const { url, headers = {} } = await sign(signUrl, uploadToken, {
    method: 'DELETE',
    key,
    uploadId,
  });
  await fetch(url, { method: 'DELETE', headers });
}
