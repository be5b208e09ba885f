/**
 * Writes the part of an import file that it is told to.
 * @module
 */
import { serve } from './importPart.ts'

serve()
