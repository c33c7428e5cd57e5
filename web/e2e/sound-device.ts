import { expect } from '@playwright/test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs while there is a device for sound, which nobody hears: without any, Firefox plays nothing that has no picture. */
export async function withSoundDevice(run: (server: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sound-'));
  const socket = join(folder, 'socket');
  const server = spawn(
    'pulseaudio',
    [
      ...['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--log-level=error'],
      '--load=module-null-sink',
      `--load=module-native-protocol-unix socket=${socket} auth-anonymous=1`,
    ],
    {
      env: { PATH: process.env.PATH, HOME: folder, XDG_RUNTIME_DIR: folder },
      stdio: 'ignore',
    },
  );
  // Where there is no such program, it ends without having begun.
  const ended = once(server, 'close').catch(() => undefined);
  try {
    const begun = () => existsSync(socket);
    await expect.poll(begun, 'PulseAudio is needed (Debian: pulseaudio)').toBe(true);
    await run(`unix:${socket}`);
  } finally {
    server.kill();
    await ended;
    rmSync(folder, { recursive: true });
  }
}
