#!/bin/sh
#SBATCH --array=1-8 --cpus-per-task=2 --job-name=profiles
# job=$(REPO=/shared/profiles sbatch --parsable slurm.sh), and once all parts are done:
# REPO=/shared/profiles sbatch --dependency=afterok:"$job" --wrap 'rekall-profile manage_repo --path_to_repository "$REPO" seal'
# Exit code 1: some builds are nowhere; they become rejects, and the part is done.
rekall-profile --threads "$SLURM_CPUS_PER_TASK" manage_repo --path_to_repository "$REPO" \
    build --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" || [ $? = 1 ]
