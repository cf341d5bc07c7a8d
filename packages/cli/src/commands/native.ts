import { plural } from '../output/names.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface NativeBuildCommandOptions {
  readonly archs?: readonly string[];
  readonly cuda?: string;
  readonly flashinfer?: string;
  readonly python?: string;
}

/** `arfuse native build`: compiles the addon from source, in the installed package's folder. */
export async function nativeBuild(
  { archs, ...options }: NativeBuildCommandOptions,
  console: Console,
): Promise<number> {
  const { buildNative } = await import('@arfuse/native');
  const built = await buildNative({
    ...options,
    ...(archs ? { architectures: archs } : {}),
    report: (phase) =>
      console.note(
        phase === 'toolchain'
          ? 'CUDA compiler parts and headers …'
          : 'compiling; this takes minutes …',
      ),
  });
  console.document(built);
  console.line(paragraph(built.path, 'built    ', 9));
  console.line(
    `size     ${(built.bytes / 2 ** 20).toFixed(1)} MiB for ${plural(built.architectures.length, 'architecture')} ` +
      `(${built.architectures.join(', ')}), in ${built.seconds.toFixed(0)} s`,
  );
  console.line(`headers  FlashInfer ${built.toolchain.flashinferVersion}`);
  return EXIT.fine;
}
