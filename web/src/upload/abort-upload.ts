import type { deleteVideo, sign } from '../api';
import { videoRemoved } from '../videos';
import type { ResumeStore } from './resume-store';

interface StartedUpload {
  videoId: string;
  key: string;
  uploadToken: string;
  signUrl: string;
  uploadId: string | null;
}

export interface AbortServices {
  api: { sign: typeof sign; deleteVideo: typeof deleteVideo };
  resumeStore: Pick<ResumeStore, 'remove'>;
}

/**
 * Gives up an upload that was started. The parts are dropped first: no request is signed for a
 * video that is deleted. What fails here is cleaned up on the server when the permission is over.
 */
export async function abortUpload(
  upload: StartedUpload,
  { api, resumeStore }: AbortServices,
): Promise<void> {
  const { videoId, key, signUrl, uploadToken, uploadId } = upload;
  resumeStore.remove(videoId);
  try {
    if (uploadId) {
      const { url, headers } = await api.sign(signUrl, uploadToken, {
        method: 'DELETE',
        key,
        uploadId,
      });
      await fetch(url, { method: 'DELETE', headers });
    }
  } finally {
    await api.deleteVideo(videoId);
    videoRemoved.emit(videoId);
  }
}
