#!/bin/sh
#SBATCH --cpus-per-task=4 --job-name=collection
# REPO=/shared/profiles PUBLIC=/shared/public ARCHIVE=https://archive.example.org/debian SUITE=bookworm \
#     BASE_URL=https://example.org/symbols sbatch collection-slurm.sh
# Exit code 1: some kernels gave no profile; they are named, and the others are there.
rekall-profile --threads "$SLURM_CPUS_PER_TASK" manage_repo --path_to_repository "$REPO" \
    mirror "$ARCHIVE" --suite "$SUITE" --as collection || [ $? = 1 ]
rekall-profile manage_repo --path_to_repository "$REPO" isf --output "$PUBLIC" --base-url "$BASE_URL"
