/**
 * `bgworker doctor`: looks at this machine, this project and the postmaster that belongs to it, and says what is not as
 * it should be and what to change. It changes nothing itself. Exit code 1 if something does not work, else 0.
 */
import { Command } from 'commander';
import { PACKAGE_PATH, PACKAGE_VERSION } from '../../protocol/index.js';
import { directoryOption, jsonOption } from '../attached.js';

interface DoctorOptions {
  readonly directory?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what is wrong here, and what to change')
    .addOption(directoryOption())
    .option('--config <file>', 'the configuration to look at, instead of the nearest one')
    .addOption(jsonOption())
    .action(async (options: DoctorOptions) => {
      process.exitCode = await doctor(options);
    });
}

async function doctor({ json, ...where }: DoctorOptions): Promise<number> {
  const { gatherScene } = await import('../doctor/scene.js');
  const { examine } = await import('../doctor/examine.js');
  const scene = await gatherScene(where);
  const findings = await examine(scene);
  const hasProblem = findings.some(({ verdict }) => verdict === 'problem');
  if (json === true) {
    const facts = { version: PACKAGE_VERSION, path: PACKAGE_PATH, directory: scene.place.directory, ok: !hasProblem };
    process.stdout.write(`${JSON.stringify({ ...facts, checks: findings })}\n`);
  } else {
    const { report } = await import('../doctor/report.js');
    const { columns = 0, isTTY } = process.stdout;
    process.stdout.write(`${report(findings, { columns, hasColors: isTTY && process.stdout.hasColors() })}\n`);
  }
  return hasProblem ? 1 : 0;
}
