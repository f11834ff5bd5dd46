"""One formula a file; models know nothing of jobs or databases."""
