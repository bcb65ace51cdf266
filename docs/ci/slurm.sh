#!/bin/sh
#SBATCH --array=1-8 --cpus-per-task=2 --job-name=profiles
# REPO=/shared/profiles sbatch slurm.sh, then: rekall-profile manage_repo --path_to_repository "$REPO" seal
# Exit code 1: some builds are nowhere; they become rejects, and the part is done.
rekall-profile manage_repo --path_to_repository "$REPO" --threads "$SLURM_CPUS_PER_TASK" \
    build --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" || [ $? = 1 ]
