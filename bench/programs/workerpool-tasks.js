/** The tasks of tasks.cjs as workerpool wants them, in a thread or in a process. */
import { worker } from 'workerpool';
import { burn, increment } from './tasks.cjs';

worker({ burn, increment });
